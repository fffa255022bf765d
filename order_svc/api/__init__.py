"""The way in: servicers, and the mapping between messages and domain objects."""
