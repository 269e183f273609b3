"""A PostgreSQL that speaks TLS: ours listens at a socket and cannot, so TLS ends in front of it.

What it answers to whoever asks for TLS is of the protocol (PostgreSQL 18, 54.2.10).
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import sqlalchemy as sa

_ASKS_FOR_TLS = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")


@asynccontextmanager
async def tls_in_front(
    url: str, tls: ssl.SSLContext | None, host: str = "127.0.0.1"
) -> AsyncIterator[sa.URL]:
    """Yield the URL of a database behind TLS.

    Args:
        url: Of the database, at a socket.
        tls: What it shows; None: it says that it speaks none.
        host: Where it listens.
    """
    place = sa.make_url(url)
    socket = f"{place.query['host']}/.s.PGSQL.5432"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, ssl.SSLError):
            if await reader.readexactly(8) == _ASKS_FOR_TLS:
                writer.write(b"N" if tls is None else b"S")
                await writer.drain()
                if tls is not None:
                    await writer.start_tls(tls)
                    far = await asyncio.open_unix_connection(socket)
                    await asyncio.gather(_carry(reader, far[1]), _carry(far[0], writer))
        writer.close()

    server = await asyncio.start_server(serve, host, 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield place.set(host=host, port=port, query={})
        server.close()


async def _carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(1 << 16):
            target.write(data)
            await target.drain()
    with suppress(OSError):
        target.close()
