"""`make bench`: what the product does per second, next to the limits of its parts and to what people use instead."""
