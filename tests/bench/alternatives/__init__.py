"""What people use instead of this product, each behind the same server; and the echo that is the server's ceiling."""
