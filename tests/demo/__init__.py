"""`make demo`: a shop's busy hour against a running one-stock, and the audit of it. Owns no rule of the product."""
