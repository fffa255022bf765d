"""Keys of the ASGI scope under which the middleware leaves what it found out about the caller."""

PRINCIPAL = "edge.principal"
"""The authenticated caller."""
GRANT = "edge.grant"
"""On live routes: the caller's permissions, an `edge.push.filters.Grant`."""
