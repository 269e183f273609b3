"""The page of an OpenAPI document, with everything it needs: a hospital's network has no internet.

The files of Swagger UI come from the package fastapi-swagger and are served from here; no script of
another origin runs, and none that stands in the page.
"""

from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response

_RESOURCES = Path(str(files("fastapi_swagger").joinpath("resources")))
_FILES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
_PAGE = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>{title}</title>
    <link rel="icon" href="docs/favicon-32x32.png">
    <link rel="stylesheet" href="docs/swagger-ui.css">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="docs/swagger-ui-bundle.js"></script>
    <script src="docs/start.js"></script>
  </body>
</html>
"""
_START = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  showExtensions: true,
  validatorUrl: null,
});
"""


def serve_document(app: FastAPI, prefixes: Sequence[str]) -> None:
    """Serve the OpenAPI document and its page under each prefix: ScanHub has one for each."""

    async def document(_request: Request) -> JSONResponse:
        return JSONResponse(app.openapi())

    async def page(_request: Request) -> HTMLResponse:
        return HTMLResponse(_PAGE.format(title=escape(app.title)), headers=_HEADERS)

    async def start(_request: Request) -> Response:
        return Response(_START, media_type="text/javascript", headers=_HEADERS)

    async def file(request: Request) -> FileResponse:
        name = request.url.path.rpartition("/")[2]
        return FileResponse(_RESOURCES / name, media_type=_FILES[name], headers=_HEADERS)

    for prefix in prefixes:
        app.add_route(f"{prefix}/openapi.json", document, include_in_schema=False)
        app.add_route(f"{prefix}/docs", page, include_in_schema=False)
        app.add_route(f"{prefix}/docs/start.js", start, include_in_schema=False)
        for name in _FILES:
            app.add_route(f"{prefix}/docs/{name}", file, include_in_schema=False)
