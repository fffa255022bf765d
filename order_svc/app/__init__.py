"""Use cases: which steps happen in which order, and what is stored when."""
