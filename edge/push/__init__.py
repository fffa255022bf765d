"""Live push: one hub per process follows the services' events, every WebSocket, SSE and GraphQL client hangs on it."""
