"""Other services and payment providers, in this service's own terms."""
