"""Serves the built UI: files with their cache times, every other path is the one page."""

import asyncio
import gzip
from dataclasses import dataclass
from mimetypes import guess_type
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers
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
_PACKED: Final = frozenset({".css", ".html", ".js", ".json", ".svg", ".wasm"})
_LEVEL: Final = 6


@dataclass(frozen=True, slots=True)
class _Packed:
    """A file as browsers take it, of one state of that file."""

    seen: tuple[int, int]
    """When it was changed [ns], and its size."""
    tag: str
    content: bytes


def find_ui(configured: Path | None) -> Path | None:
    """Return the folder of the built UI, or None when it was not built."""
    folder = configured or _CHECKOUT_UI
    return folder if (folder / "index.html").is_file() else None


class UserInterface:
    """ASGI application of the UI.

    A page asks for dozens of files at once: they are packed once and kept.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._kept: dict[Path, _Packed] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        response = await self._respond(scope)
        await response(scope, receive, send)

    async def _respond(self, scope: Scope) -> Response:
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
        file = _file(self._folder, scope["path"])
        if file is None:
            return PlainTextResponse("Not found", 404, _SECURITY_HEADERS)
        return await self._given(file, Headers(scope=scope))

    async def _given(self, file: Path, asked: Headers) -> Response:
        """Answer with a file, packed for who takes it so."""
        hashed = file.parent.name == "assets"
        cache = "public, max-age=31536000, immutable" if hashed else "no-cache"
        headers = {**_SECURITY_HEADERS, "Cache-Control": cache}
        if file.suffix not in _PACKED or "gzip" not in asked.get("accept-encoding", ""):
            return FileResponse(file, headers=headers)
        packed = await self._packed(file)
        headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding", "ETag": packed.tag}
        if asked.get("if-none-match") == packed.tag:
            return Response(status_code=304, headers=headers)
        return Response(packed.content, headers=headers, media_type=guess_type(file.name)[0])

    async def _packed(self, file: Path) -> _Packed:
        """Return a file as it is now, packed."""
        seen = _seen(file)
        kept = self._kept.get(file)
        if kept is None or kept.seen != seen:
            kept = await asyncio.to_thread(_pack, file, seen)
            self._kept[file] = kept
        return kept


def _seen(file: Path) -> tuple[int, int]:
    stat = file.stat()
    return stat.st_mtime_ns, stat.st_size


def _pack(file: Path, seen: tuple[int, int]) -> _Packed:
    content = gzip.compress(file.read_bytes(), _LEVEL, mtime=0)
    return _Packed(seen, f'"{seen[0]:x}-{seen[1]:x}-gzip"', content)


def _file(folder: Path, path: str) -> Path | None:
    """Return the file of a path, or the page, which knows all other paths; None: there is none."""
    try:
        candidate = (folder / path.lstrip("/")).resolve()
        found = candidate.is_relative_to(folder) and candidate.is_file()
    except (ValueError, OSError):  # a NUL, or more than a file system takes for a name
        return None
    if found:
        return candidate
    if candidate.suffix and candidate.parent.name == "assets":
        return None
    return folder / "index.html"
