"""What uvicorn knows of the other end of a connection and keeps from the application.

The certificate that a client has shown is told as the TLS extension of ASGI has it, which uvicorn
does not fill in. The address is told beside it: `client` of the scope is what X-Forwarded-For says,
where a gateway is trusted with that.
"""

import asyncio
import ssl

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from device_manager.certificates.shown import PEER

_READ_AHEAD_BYTES = 1 << 20
_MESSAGE_BYTES = 1 << 10
"""What a message takes beside its content, empty ones too [byte]; rather too much."""
_CONTINUE = b"HTTP/1.1 100 "
"""Comes before an answer, and is waited for."""


def peer_of(transport: asyncio.BaseTransport) -> dict[str, dict[object, object]]:
    """Return the extensions of the scope that tell of the other end of a connection."""
    address = transport.get_extra_info("peername")
    told: dict[str, dict[object, object]] = {}
    if isinstance(address, tuple):
        told[PEER] = {"address": address[0]}
    secure: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    if secure is not None:
        shown = secure.getpeercert(binary_form=True)
        told["tls"] = {
            "server_cert": None,
            "client_cert_chain": [ssl.DER_cert_to_PEM_cert(shown)] if shown else [],
            "client_cert_name": None,
            "client_cert_error": None,
            "tls_version": None,
            "cipher_suite": None,
        }
    return told


class OneWrite:
    """Where an answer is written: its head goes together with the beginning of its body.

    Alone it would wake whoever reads, and cost the processor, for bytes that say nothing yet.
    A head whose body takes longer goes by itself in the next turn of the loop.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._head: bytes | None = None
        self._has_begun = False

    def write(self, data: bytes) -> None:
        """Write; what begins an answer may wait for the next turn."""
        if self._head is not None:
            head, self._head = self._head, None
            self._transport.writelines((head, data) if data else (head,))
        elif self._has_begun or data.startswith(_CONTINUE):
            self._transport.write(data)
        else:
            self._has_begun, self._head = True, data
            self._loop.call_soon(self._send_head)

    def _send_head(self) -> None:
        if self._head is not None and not self._transport.is_closing():
            self._transport.write(self._head)
        self._head = None

    def close(self) -> None:
        """Close the connection behind what was written."""
        self._send_head()
        self._transport.close()

    def is_closing(self) -> bool:
        """Say whether nothing is written any more."""
        return self._transport.is_closing()


class HttpProtocol(HttpToolsProtocol):
    """HTTP as uvicorn speaks it; the scope tells who is at the other end."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Look once: a connection does not change its other end."""
        super().connection_made(transport)
        self._told = peer_of(transport)

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self.scope["extensions"] = dict(self._told)

    def on_headers_complete(self) -> None:
        """Begin to answer; an answer to HEAD has no body to wait for."""
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before and self.scope["method"] != "HEAD":
            self.cycle.transport = OneWrite(self.transport, self.loop)  # type: ignore[assignment]  # it has what is called

    def on_body(self, body: bytes) -> None:
        """Take a part of a body; if none waits it is handed on as it is, not copied twice."""
        if not self.cycle.body:
            self.cycle.body = b""  # type: ignore[assignment]  # not of a bytearray, which copies
        super().on_body(body)


class WebsocketProtocol(WebSocketsSansIOProtocol):
    """Websockets as uvicorn speaks them; the scope tells who is at the other end.

    uvicorn stops to read after each message until the application has taken it. Of an upload some
    frames may wait here: to stop and go on for each costs more than a frame does.
    """

    _ahead = 0
    """Of what was read and not taken [byte]."""

    def send_receive_event_to_app(self) -> None:
        """Hand a message on, and read on if little waits."""
        was_paused = self.read_paused
        self._ahead += _MESSAGE_BYTES + sum(map(len, self.frames))
        if self._ahead < _READ_AHEAD_BYTES:
            self.read_paused = True  # as if: so nobody pauses
        super().send_receive_event_to_app()
        if self._ahead < _READ_AHEAD_BYTES:
            self.read_paused = was_paused

    async def receive(self) -> ASGIReceiveEvent:
        """Return the next message."""
        message = await super().receive()
        if self.queue.empty():
            self._ahead = 0
        return message

    async def run_asgi(self) -> None:
        """Hand the connection to the application."""
        self.scope["extensions"] = {**(self.scope["extensions"] or {}), **peer_of(self.transport)}
        await super().run_asgi()

    async def send(self, message: ASGISendEvent) -> None:
        """Pass a message on. A refusal that was sent completes the handshake.

        uvicorn would log an error for each one.
        """
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True
