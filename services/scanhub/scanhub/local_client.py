"""A client of an application in the same process: the request is handed over as it is."""

import asyncio
import json as json_text
import re
from collections.abc import Mapping
from typing import Any

import httpx
from starlette.types import ASGIApp, Message

_SERVER_ERROR = 500
_UNQUOTED = re.compile(r"[A-Za-z0-9_.-]*")
_ADDRESS = ("127.0.0.1", 0)


class LocalClient(httpx.AsyncClient):
    """Hands requests to an application as a server would.

    httpx makes a URL, cookies, streams and a chain of redirects of every request, also where no
    network is in between: that takes as long as a simple statement of a database. What is more than
    a method, a plain path, headers and JSON goes that way still.

    Args:
        app: The application.
        base_url: What its host is called.
    """

    def __init__(self, app: ASGIApp, base_url: str) -> None:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        super().__init__(transport=transport, base_url=base_url)
        self._app = app

    async def request(  # type: ignore[override]  # narrower: what is not named goes on as it is
        self,
        method: str,
        url: str,
        *,
        json: Any = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> httpx.Response:
        """Send a request."""
        query = _query(params or {})
        others = any(value is not None for value in options.values())
        if query is None or others or self.is_closed or not _is_plain(url):
            return await super().request(
                method, url, json=json, params=params, headers=headers, **options
            )
        body = b"" if json is None else _encoded(json)
        exchange = _Exchange(body)
        try:
            scope = {**self._scope(method, url, headers or {}, body), "query_string": query}
            await self._app(scope, *exchange.ends)
        except Exception:  # noqa: BLE001 - the application has logged it; a caller gets an answer
            exchange.status = exchange.status or _SERVER_ERROR
        return exchange.response()

    def _scope(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> dict[str, Any]:
        sent = [(b"host", self.base_url.netloc), (b"accept", b"*/*")]
        sent += [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        if body:
            sent.append((b"content-type", b"application/json"))
        sent.append((b"content-length", str(len(body)).encode()))
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "headers": sent,
            "scheme": self.base_url.scheme,
            "path": path,
            "raw_path": path.encode(),
            "server": (self.base_url.host, None),
            "client": _ADDRESS,
            "root_path": "",
        }


def _is_plain(path: str) -> bool:
    """Say whether a path is itself whether quoted or not."""
    return path.startswith("/") and path.isascii() and not any(sign in path for sign in " %?#;")


def _query(params: Mapping[str, Any]) -> bytes | None:
    """Write a query; None: something in it has to be quoted, which httpx does."""
    pairs = []
    for name, value in params.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if not isinstance(value, str | int) or not _UNQUOTED.fullmatch(name + text):
            return None
        pairs.append(f"{name}={text}")
    return "&".join(pairs).encode()


def _encoded(document: Any) -> bytes:
    return json_text.dumps(
        document, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    ).encode()


class _Exchange:
    """One request and its answer, as the application sees and gives them."""

    def __init__(self, body: bytes) -> None:
        self.status = 0
        self._body = body
        self._asked = False
        self._headers: list[tuple[bytes, bytes]] = []
        self._parts: list[bytes] = []
        self._complete = asyncio.Event()
        self.ends = (self._receive, self._send)

    async def _receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": self._body, "more_body": False}
        await self._complete.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self._headers = message["status"], list(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            self._parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                self._complete.set()

    def response(self) -> httpx.Response:
        """Return the answer."""
        return httpx.Response(self.status, headers=self._headers, content=b"".join(self._parts))
