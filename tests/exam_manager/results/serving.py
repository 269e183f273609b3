"""A server over the loopback, in the loop of the test."""

import asyncio
import socket
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn


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
    links = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            links.append(str(link.readlink()))
        except FileNotFoundError:
            continue
    return any(link.startswith(str(path)) for link in links)
