"""Attacks on a running product, and what its callers notice of them."""
