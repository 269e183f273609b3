"""A link reads some frames ahead of whoever takes them, and never more than some."""

import asyncio

import pytest
from loopback import LoopbackServer
from websockets.asyncio.client import connect

_FRAME = bytes(range(256)) * 512  # 128 KiB, as the device SDK sends them
_MOST_BYTES = (1 << 20) + (1 << 18) + len(_FRAME)
"""What may wait, what one look at the socket brings, and a frame that lay there in part [byte]."""


@pytest.mark.parametrize(("frame", "count"), [(_FRAME, 128), (b"", 3000)])
async def test_what_waits_is_bounded_and_all_of_it_arrives(frame, count):
    go_on, come = asyncio.Event(), 0

    async def take_later(scope, receive, send):
        nonlocal come
        if scope["type"] == "lifespan":
            return
        await receive()
        await send({"type": "websocket.accept"})
        await go_on.wait()
        while come < count:
            message = await receive()
            assert message["bytes"] == frame
            come += 1
        await send({"type": "websocket.close"})

    server = LoopbackServer(take_later)
    server.config.lifespan = "off"
    await server.begin()
    try:
        async with connect(f"ws://{server.address}/", compression=None, proxy=None) as device:

            async def push():
                for _ in range(count):
                    await device.send(frame)

            pushing = asyncio.create_task(push())
            (protocol,) = server.server_state.connections
            async with asyncio.timeout(30):
                while not protocol.read_paused:
                    await asyncio.sleep(0.01)
                waiting = [len(message["bytes"]) for message in protocol.queue._queue]
                assert sum(waiting) <= _MOST_BYTES
                go_on.set()
                await pushing
                await device.wait_closed()
        assert come == count
    finally:
        await server.end()
