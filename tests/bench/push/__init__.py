"""`make bench-push`: the delay with which a stock change reaches its followers."""
