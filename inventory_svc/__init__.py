"""The inventory service: what there is, where it lies, and who has a claim on it."""
