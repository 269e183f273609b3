"""What uvicorn knows of the other end of a connection and keeps from the application.

And how it talks to it: head and body of an answer leave together.

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

_HEAD = b"HTTP/1.1 "
_READ_AHEAD_BYTES = 1 << 20
_MESSAGE_BYTES = 1 << 10
"""What a message takes beside its content, empty ones too [byte]; rather too much."""


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


class _Joined:
    """What an answer is written to: its head waits for the first bytes of its body.

    uvicorn writes one after the other, and each is a call of the system that wakes the client: the
    first for nothing. A head that is alone at the end of this turn of the loop, as that of an event
    stream, goes by itself.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""

    def write(self, data: bytes) -> None:
        """Send what was written; the head a little later."""
        if self._head:
            head, self._head = self._head, b""
            self._transport.writelines((head, data))
        elif data.startswith(_HEAD):
            self._head = data
            asyncio.get_running_loop().call_soon(self._flush)
        else:
            self._transport.write(data)

    def _flush(self) -> None:
        if self._head and not self._transport.is_closing():
            self._transport.write(self._head)
        self._head = b""

    def close(self) -> None:
        """Send the rest, and end the connection."""
        self._flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Say whether nothing more is sent."""
        return self._transport.is_closing()


class HttpProtocol(HttpToolsProtocol):
    """HTTP as uvicorn speaks it; the scope tells who is at the other end."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Look once: a connection does not change its other end."""
        super().connection_made(transport)
        self._told = peer_of(transport)
        self._joined = _Joined(transport)

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self.scope["extensions"] = dict(self._told)

    def on_headers_complete(self) -> None:
        """Begin to answer."""
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:  # else it is no request: an upgrade
            self.cycle.transport = self._joined  # type: ignore[assignment]  # all that it uses

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
