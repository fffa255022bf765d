"""Pure rules of orders and their saga: standard library only, no await, no clock, no I/O."""
