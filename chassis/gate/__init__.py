"""The gate and the journal: atomic claims on counters, fast in Redis, true in Postgres. See README.md."""
