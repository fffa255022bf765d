"""Events between services: the outbox, the log, what carries them and what takes them in. Its README says how."""
