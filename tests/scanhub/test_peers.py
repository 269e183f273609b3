"""How answers leave the server: in as few writes as there are things to say."""

import asyncio
from contextlib import asynccontextmanager

from tests.device_manager.loopback import LoopbackServer

from scanhub.peers import HttpProtocol

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@asynccontextmanager
async def connected(monkeypatch, answer):
    """Serve one application; yield a connection to it and what the server has written there."""
    writes = []

    class Recorded:
        def __init__(self, transport):
            self._transport = transport

        def __getattr__(self, name):
            return getattr(self._transport, name)

        def write(self, data):
            writes.append(bytes(data))
            self._transport.write(data)

        def writelines(self, pieces):
            writes.append(b"".join(pieces))
            self._transport.writelines(pieces)

    begin = HttpProtocol.connection_made
    monkeypatch.setattr(
        HttpProtocol, "connection_made", lambda self, transport: begin(self, Recorded(transport))
    )

    async def application(scope, receive, send):
        if scope["type"] == "lifespan":
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        await answer(receive, send)

    server = LoopbackServer(application)
    await server.begin()
    reader, writer = await asyncio.open_connection(*server.address.split(":"))
    try:
        yield reader, writer, writes
    finally:
        writer.close()
        await server.end()


def start(**headers):
    named = [(name.encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http.response.start", "status": 200, "headers": named}


def body(data, *, more=False):
    return {"type": "http.response.body", "body": data, "more_body": more}


async def test_head_and_body_of_an_answer_leave_in_one_piece(monkeypatch):
    async def answer(receive, send):
        await send(start(**{"content-length": "4"}))
        await send(body(b"here"))

    async with connected(monkeypatch, answer) as (reader, writer, writes):
        for _ in range(2):
            writer.write(REQUEST)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(4) == b"here"
        assert len(writes) == 2


async def test_a_head_does_not_wait_for_a_body_that_comes_later(monkeypatch):
    told = asyncio.Event()

    async def answer(receive, send):
        await send(start())
        await told.wait()
        await send(body(b"now"))

    async with connected(monkeypatch, answer) as (reader, writer, _):
        writer.write(REQUEST)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        told.set()
        assert await reader.readuntil(b"0\r\n\r\n") == b"3\r\nnow\r\n0\r\n\r\n"


async def test_a_head_without_a_body_leaves_before_the_connection_ends(monkeypatch):
    async def answer(receive, send):
        await send(start(**{"content-length": "0", "connection": "close"}))
        await send(body(b""))

    async with connected(monkeypatch, answer) as (reader, writer, _):
        writer.write(REQUEST)
        assert (await reader.read()).startswith(b"HTTP/1.1 200")


async def test_a_client_that_asks_before_it_sends_is_told_to_go_on(monkeypatch):
    async def answer(receive, send):
        taken = (await receive())["body"]
        await send(start(**{"content-length": "2"}))
        await send(body(taken))

    async with connected(monkeypatch, answer) as (reader, writer, _):
        asked = REQUEST[:-2] + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        writer.write(asked)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
        writer.write(b"go")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        assert await reader.readexactly(2) == b"go"
