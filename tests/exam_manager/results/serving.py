"""A server over the loopback, in the loop of the test."""

import asyncio
import socket
from contextlib import asynccontextmanager

import uvicorn
from folders import open_files


@asynccontextmanager
async def serving(app):
    """Serve an ASGI application; yield its address."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="critical"))
    task = asyncio.create_task(server._serve(sockets=[listener]))
    while not server.started and not task.done():
        await asyncio.sleep(0.005)
    try:
        yield "http://{}:{}".format(*listener.getsockname())
    finally:
        server.should_exit = True
        await asyncio.wait_for(task, 20)


def is_open(path) -> bool:
    """Say whether this process has a file open, also one that was deleted."""
    return any(target.startswith(str(path)) for target in open_files())


async def closes(path) -> None:
    """Wait until this process has a file closed: whoever was sent its last byte may know before."""
    async with asyncio.timeout(30):
        while is_open(path):
            await asyncio.sleep(0.01)
