"""The OpenAPI document: the parts that FastAPI cannot derive from the operations. It reads the routes and serves nothing."""
