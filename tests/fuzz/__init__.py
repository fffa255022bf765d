"""Hostile input, generated from a seed, against a whole product: README.md explains how to run it and repeat a finding."""
