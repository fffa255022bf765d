"""Attacks on a running product, and their effect on its callers."""
