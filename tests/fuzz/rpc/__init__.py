"""Every method that reflection shows, of every server, with every kind of message and bytes."""
