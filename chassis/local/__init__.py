"""The product on one machine: embedded Postgres and Valkey, the process runner behind `make run`, and the seeded shop.

Nothing here runs in production; tests start their real servers through it.
"""
