"""Live push: one hub per process follows the services' events and serves all WebSocket, SSE and GraphQL clients."""
