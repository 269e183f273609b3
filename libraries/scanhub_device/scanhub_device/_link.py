"""The websocket of the moment, or the lack of one."""

import asyncio
import socket
import ssl as ssl_module
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidMessage
from websockets.frames import CloseCode

from scanhub_device.errors import LinkLostError
from scanhub_device.messages import Message
from scanhub_device.settings import ClientSettings

_UNSENT_BYTES = 1 << 17
_MAX_MESSAGE_BYTES = 512 << 20  # a start carries the whole sequence file


class _Connection(ClientConnection):
    """Remembers what TLS had to say: a server may refuse a certificate when all seems well."""

    ended_by: ssl_module.SSLError | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        if isinstance(exc, ssl_module.SSLError):
            self.ended_by = exc
        super().connection_lost(exc)


@asynccontextmanager
async def open_link(
    url: str,
    headers: dict[str, str],
    settings: ClientSettings,
    ssl: ssl_module.SSLContext | None,
) -> AsyncIterator[ClientConnection]:
    """Connect as a device."""
    default = True if url.lower().startswith("wss:") else None  # None would mean: not at all
    made: list[_Connection] = []

    def make(*arguments: Any, **options: Any) -> _Connection:
        made.append(_Connection(*arguments, **options))
        return made[-1]

    try:
        websocket = await connect(
            url,
            additional_headers=headers,
            compression=None,  # deflate makes an upload of raw data twelve times slower
            max_size=_MAX_MESSAGE_BYTES,
            open_timeout=settings.open_timeout_s,
            close_timeout=settings.close_timeout_s,
            ping_timeout=settings.keepalive_timeout_s,
            ssl=default if ssl is None else ssl,
            proxy=None,
            create_connection=make,  # type: ignore[arg-type] # it is called, no more
        )
    except InvalidMessage as error:
        if made and made[-1].ended_by is not None:
            raise made[-1].ended_by from error
        raise
    _keep_short(websocket)
    try:
        yield websocket
    finally:
        await websocket.close()


def _keep_short(websocket: ClientConnection) -> None:
    """Let the system hold little that is not on its way yet.

    A word waits for what was sent before it: behind the megabytes that a system takes in for a slow
    network, `stopped` would come too late, and so would the signs of life.
    """
    plug = websocket.transport.get_extra_info("socket")
    if plug is not None and hasattr(socket, "TCP_NOTSENT_LOWAT"):  # Linux, macOS
        plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)


class Link:
    """What everybody sends through. The websocket behind it changes with each reconnect."""

    def __init__(self) -> None:
        self._websocket: ClientConnection | None = None
        self._up = asyncio.Event()

    def attach(self, websocket: ClientConnection) -> None:
        """Send through this websocket from now on."""
        self._websocket = websocket

    def open_for_uploads(self) -> None:
        """Let those go on who wait for the link; called once the device is registered."""
        self._up.set()

    def detach(self) -> None:
        """The websocket is gone."""
        self._websocket = None
        self._up.clear()

    async def close(self) -> None:
        """Say goodbye to the server, if there is a link."""
        if self._websocket is not None:
            await self._websocket.close(CloseCode.GOING_AWAY, "the device goes away")

    async def wait_up(self) -> None:
        """Wait until there is a link."""
        await self._up.wait()

    async def send(self, message: Message) -> None:
        """Send a text frame.

        Raises:
            LinkLostError: there is no link.
        """
        await self._send(message.to_json())

    async def send_bytes(self, chunk: bytes | memoryview) -> None:
        """Send a binary frame, and let everybody else have a turn.

        Raises:
            LinkLostError: there is no link.
        """
        await self._send(chunk)
        # `send` gives way only when the socket is full, on a fast network it never is
        await asyncio.sleep(0)

    async def _send(self, frame: str | bytes | memoryview) -> None:
        if self._websocket is None:
            raise LinkLostError("the device is not connected")
        try:
            await self._websocket.send(frame)
        except ConnectionClosed as error:
            raise LinkLostError("the link broke") from error
