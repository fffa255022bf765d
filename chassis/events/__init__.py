"""Events between services: the outbox, the log, brokers and consumers. See README.md."""
