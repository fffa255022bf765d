"""Common alternatives to this product, each behind the same server; and the echo that is the server's ceiling."""
