"""All SQL of the order service."""
