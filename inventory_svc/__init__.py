"""The inventory service: which goods exist, where they are, and which reservations claim them."""
