"""Passes a request on to the home of its device: same method, path, headers and body.

Over HTTP and not by a note: a start carries a credential and megabytes, an upload gigabytes.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable
from typing import Final
from uuid import UUID

import httpx
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect

from device_manager.certificates.asking import VOUCHED
from device_manager.nodes.homes import ElsewhereError, Peer
from scanhub_libraries.errors import ScanHubError, UnavailableError
from scanhub_libraries.logging import get_logger
from scanhub_libraries.problems import answer_error
from scanhub_libraries.web import CORRELATION_HEADER

logger = get_logger(__name__)
FORWARDED_BY: Final = "X-Scanhub-Node"
"""The process that passed a request on; one that bears it is never passed on again."""
_CONNECT_PART = 1 / 3
"""Of the time that a peer has: one that cannot be connected to is known soon."""
_LONGEST_CONNECT_SECONDS = 5.0
_RETRY_AFTER_SECONDS = 2
_KEEP_SECONDS = 3.0  # below the time after which uvicorn closes an idle connection
_HOP_BY_HOP = frozenset(
    {
        "connection",
        "date",
        "expect",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "server",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        CORRELATION_HEADER.lower(),
        FORWARDED_BY.lower(),
        VOUCHED.lower(),
    }
)
_BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})


class NoAnswerError(Exception):
    """The home of a device did not answer."""


class Forwarder:
    """Passes requests on to other processes.

    Args:
        node_id: This process.
        http: How they are reached.
        tls: What their certificates are checked with; None: as everywhere.
    """

    def __init__(
        self,
        node_id: UUID | None,
        http: httpx.AsyncClient | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._node_id = node_id
        limits = httpx.Limits(max_connections=None, keepalive_expiry=_KEEP_SECONDS)
        self._http = http or httpx.AsyncClient(limits=limits, trust_env=False, verify=tls or True)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def forward(self, request: Request, peer: Peer, seconds: float) -> Response:
        """Return the answer of a peer.

        Args:
            request: What was asked here; its body is kept, or has not been read.
            peer: Who is asked instead.
            seconds: Time that it has to answer, once it has the whole request [s].

        Raises:
            NoAnswerError: It did not answer.
        """
        if peer.url is None or FORWARDED_BY in request.headers:
            raise NoAnswerError("the device is moving from one process to another")
        passed = self._passed_on(request, peer.url, seconds)
        try:
            answer = await self._send(passed, seconds, waits=_is_small(request))
        except (httpx.TransportError, TimeoutError) as error:
            logger.warning("another process does not answer", node=str(peer.id), error=repr(error))
            raise NoAnswerError(type(error).__name__) from error
        headers = dict(_end_to_end(answer.headers.multi_items()))
        return StreamingResponse(
            answer.aiter_raw(),
            status_code=answer.status_code,
            headers=headers,
            background=BackgroundTask(answer.aclose),
        )

    async def _send(self, passed: httpx.Request, seconds: float, *, waits: bool) -> httpx.Response:
        if not waits:
            return await self._http.send(passed, stream=True)
        async with asyncio.timeout(seconds):
            return await self._http.send(passed, stream=True)

    def _passed_on(self, request: Request, url: str, seconds: float) -> httpx.Request:
        path: bytes = request.scope.get("raw_path") or request.url.path.encode()
        query: bytes = request.scope["query_string"]
        target = httpx.URL(url).copy_with(raw_path=path + (b"?" + query if query else b""))
        headers = _end_to_end(request.headers.items())
        headers = [header for header in headers if header[0].lower() != "x-forwarded-for"]
        headers.append((FORWARDED_BY, str(self._node_id)))
        headers.append((CORRELATION_HEADER, str(request.state.correlation_id)))
        if vouched := getattr(request.state, "vouched", None):
            headers.append((VOUCHED, vouched))
        if request.client is not None:
            headers.append(("X-Forwarded-For", request.client.host))
        connect = min(_CONNECT_PART * seconds, _LONGEST_CONNECT_SECONDS)
        times = httpx.Timeout(seconds, connect=connect, pool=connect)
        return httpx.Request(
            request.method,
            target,
            headers=headers,
            content=None if request.method in _BODILESS else _body(request),
            extensions={"timeout": times.as_dict()},
        )


async def _body(request: Request) -> AsyncIterator[bytes]:
    try:
        async for block in request.stream():
            yield block
    except ClientDisconnect as error:
        raise httpx.ReadError("whoever asked has gone") from error


def _is_small(request: Request) -> bool:
    """Say whether the body has been read: then the time to answer begins now."""
    return hasattr(request, "_body") or request.method in _BODILESS


def _end_to_end(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the headers that are not about one connection."""
    return [(name, value) for name, value in headers if name.lower() not in _HOP_BY_HOP]


async def _answer(request: Request, error: ElsewhereError) -> Response:
    forwarder: Forwarder = request.app.state.forwarder
    try:
        return await forwarder.forward(request, error.peer, error.seconds)
    except NoAnswerError as silence:
        problem = await _silence(error, silence)
    return await answer_error(request, problem)


async def _silence(error: ElsewhereError, silence: NoAnswerError) -> ScanHubError:
    """Do what can be done when the home does not answer; return what is answered."""
    if error.otherwise is not None:
        try:
            return await error.otherwise()
        except ScanHubError as refusal:
            return refusal
    return UnavailableError(
        f"The server process that the device is connected to does not answer ({silence}): it is "
        "not known whether anything was done. Try again in a moment.",
        retry_after=_RETRY_AFTER_SECONDS,
    )


def pass_requests_on(app: FastAPI) -> None:
    """Let an application pass on what has to be done elsewhere."""
    app.add_exception_handler(ElsewhereError, _answer)  # type: ignore[arg-type]
