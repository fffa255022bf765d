"""`make delivery`: under any fault, every event is delivered at least once and has each effect exactly once."""
