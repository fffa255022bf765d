"""`make bench`: operations per second of the product, next to the limits of its parts and to common alternatives."""
