"""`/docs`: Swagger UI from an installed package, so that the page loads no file and no script from another host."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

PACKAGE = "fastapi_offline"
"""Only its static files are used; its code is never imported."""
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",  # Swagger UI writes style attributes
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
FILES = {
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "start.js": "text/javascript; charset=utf-8",
}
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>one-stock</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="docs"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
START = """SwaggerUIBundle({
  url: "/openapi.json", dom_id: "#docs", deepLinking: true, validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIBundle.SwaggerUIStandalonePreset], layout: "BaseLayout",
});
"""
DAY_S = 86_400


def routes() -> list[Route]:
    """The page and the files that it loads."""
    files = [Route(f"/docs/{name}", _file, include_in_schema=False) for name in FILES]
    return [Route("/docs", _page, include_in_schema=False), *files]


async def _page(_request: Request) -> Response:
    return Response(PAGE, headers={"Content-Security-Policy": POLICY}, media_type="text/html")


async def _file(request: Request) -> Response:
    name = request.url.path.removeprefix("/docs/")
    headers = {"Cache-Control": f"public, max-age={DAY_S}"}
    return Response(_content(name), headers=headers, media_type=FILES[name])


@functools.cache
def _content(name: str) -> bytes:
    if name == "start.js":
        return START.encode()
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise LookupError(f"{PACKAGE} is not installed; it contains Swagger UI")
    return (Path(found.submodule_search_locations[0]) / "static" / name).read_bytes()
