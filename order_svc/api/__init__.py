"""Inbound side: servicers, and the mapping between messages and domain objects."""
