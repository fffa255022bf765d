"""`make bench-push`: how long a stock change takes to reach those who follow it."""
