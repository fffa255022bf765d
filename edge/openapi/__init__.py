"""The OpenAPI document: what FastAPI cannot know of our operations. It reads the routes and serves nothing."""
