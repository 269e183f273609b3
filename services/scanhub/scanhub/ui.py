"""Serves the built UI: files with their cache times, every other path is the one page."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from scanhub_libraries.errors import NotFoundError
from scanhub_libraries.problems import problem_response

_CHECKOUT_UI = Path(__file__).resolve().parents[3] / "frontend" / "dist"
_SECURITY_HEADERS = {
    # 'wasm-unsafe-eval' and blob workers: the image decoders of the viewer.
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
        "connect-src 'self' blob: data:; frame-src blob:; frame-ancestors 'none'; base-uri 'none'; "
        "form-action 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


def find_ui(configured: Path | None) -> Path | None:
    """Return the folder of the built UI, or None when it was not built."""
    folder = configured or _CHECKOUT_UI
    return folder if (folder / "index.html").is_file() else None


class UserInterface:
    """ASGI application of the UI."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._respond(scope)(scope, receive, send)

    def _respond(self, scope: Scope) -> Response:
        if scope["path"].startswith("/api/"):
            return problem_response(
                Request(scope),
                NotFoundError.status,
                NotFoundError.slug,
                NotFoundError.title,
                "There is no such service here.",
            )
        if scope["method"] not in {"GET", "HEAD"}:
            return PlainTextResponse("Method not allowed", 405, {"Allow": "GET, HEAD"})
        if self._folder is None:
            return PlainTextResponse("The UI is not built: run `make setup`.", 503)
        return _file(self._folder, scope["path"])


def _file(folder: Path, path: str) -> Response:
    """Answer with the file of a path, or with the page, which knows all other paths."""
    try:
        candidate = (folder / path.lstrip("/")).resolve()
        found = candidate.is_relative_to(folder) and candidate.is_file()
    except (ValueError, OSError):  # a NUL, or more than a file system takes for a name
        return PlainTextResponse("Not found", 404, _SECURITY_HEADERS)
    if found:
        hashed = candidate.parent.name == "assets"
        cache = "public, max-age=31536000, immutable" if hashed else "no-cache"
        return FileResponse(candidate, headers={**_SECURITY_HEADERS, "Cache-Control": cache})
    if candidate.suffix and candidate.parent.name == "assets":
        return PlainTextResponse("Not found", 404, _SECURITY_HEADERS)
    headers = {**_SECURITY_HEADERS, "Cache-Control": "no-cache"}
    return FileResponse(folder / "index.html", headers=headers)
