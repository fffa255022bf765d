"""Hostile input, made by chance from a seed, against a whole product: README.md says how to run it and repeat a finding."""
