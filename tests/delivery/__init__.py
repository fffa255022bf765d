"""`make delivery`: whatever breaks on the way, every event is told at least once and has each effect exactly once."""
