"""`make demo`: a shop's busy hour against a running one-stock, and its audit. Contains no rule of the product."""
