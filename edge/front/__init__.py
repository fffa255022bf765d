"""The HTTP front door: what a connection may send, hold and wait for before anybody knows who it is."""
