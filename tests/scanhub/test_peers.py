"""Answers go out with fewer calls, and are what they were."""

import asyncio
from contextlib import asynccontextmanager

import uvicorn
from ports import a_port

from scanhub.peers import HttpProtocol, OneWrite


class Wire(asyncio.Transport):
    """Keeps what is written, call by call."""

    def __init__(self):
        super().__init__()
        self.calls, self.closed = [], False

    def write(self, data):
        self.calls.append(bytes(data))

    def writelines(self, pieces):
        self.calls.append(b"".join(pieces))

    def close(self):
        self.closed = True

    def is_closing(self):
        return self.closed


async def test_a_head_goes_with_its_body_and_alone_where_that_takes_longer():
    wire = Wire()
    answer = OneWrite(wire, asyncio.get_running_loop())
    answer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert len(wire.calls) == 1
    answer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    assert len(wire.calls) == 1
    answer.write(b"body")
    answer.write(b"more")
    assert wire.calls[1:] == [b"HTTP/1.1 200 OK\r\n\r\nbody", b"more"]

    slow = OneWrite(wire, asyncio.get_running_loop())
    slow.write(b"HTTP/1.1 200 OK\r\n\r\n")
    await asyncio.sleep(0)
    assert wire.calls[-1] == b"HTTP/1.1 200 OK\r\n\r\n"
    slow.write(b"late")
    assert wire.calls[-1] == b"late"

    ended = OneWrite(wire, asyncio.get_running_loop())
    ended.write(b"HTTP/1.1 500 Oh\r\n\r\n")
    ended.close()
    assert (wire.calls[-1], wire.closed) == (b"HTTP/1.1 500 Oh\r\n\r\n", True)
    await asyncio.sleep(0)
    assert wire.calls[-1] == b"HTTP/1.1 500 Oh\r\n\r\n"


async def app(scope, receive, send):
    """Answers with the body that it got, piece by piece if the path says so."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    pieces = [body[:1], body[1:]] if scope["path"] == "/pieces" else [body]
    size = str(len(body)).encode()
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", size)]}
    )
    for number, piece in enumerate(pieces, 1):
        await asyncio.sleep(0)
        more = number < len(pieces)
        await send({"type": "http.response.body", "body": piece, "more_body": more})


@asynccontextmanager
async def server():
    port = a_port()
    config = uvicorn.Config(app, host="127.0.0.1", port=port, http=HttpProtocol, log_config=None)
    running = uvicorn.Server(config)
    task = asyncio.create_task(running.serve())
    while not running.started:
        await asyncio.sleep(0.01)
    yield port
    running.should_exit = True
    await task


async def test_requests_in_a_row_over_one_connection_are_answered_in_order():
    requests = [
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\none",
        b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n",
        b"POST /pieces HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\ntwo",
        b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    ]
    async with server() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"".join(requests))
        said = await reader.read()
        writer.close()
    answers = said.split(b"HTTP/1.1 200 OK\r\n")[1:]
    assert [one.partition(b"\r\n\r\n")[2] for one in answers] == [b"one", b"", b"two", b""]
