"""The HTTP front door: limits on what a connection may send and hold, and on how long it may take."""
