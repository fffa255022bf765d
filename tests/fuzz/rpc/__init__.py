"""Every method of every server, found by reflection, with every kind of message and bytes."""
