"""`make fault`: the invariants of the stock protocol over real processes under load, while something breaks."""
