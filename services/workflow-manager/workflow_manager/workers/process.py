"""Processes without an API: a worker does the work of queues, a receiver has the DICOM listener."""

import asyncio
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from scanhub_libraries.logging import get_logger
from workflow_manager.background import Outside, answers_of, desks_of, open_wiring
from workflow_manager.dicom.node import DicomNode
from workflow_manager.wiring import Wiring
from workflow_manager.workers.alive import Alive

logger = get_logger(__name__)


USURPED = 3
"""Exit code: another process has the name of this one."""


async def work(
    outside: Outside,
    told_to_end: asyncio.Event,
    *,
    drain_s: float,
    ready: Callable[[str], None],
    alive_file: Path | None = None,
) -> None:
    """Do the work of the queues that the settings name, until told to end.

    Args:
        outside: Settings and the other services.
        told_to_end: Set, nothing new begins.
        drain_s: What runs then is let come to its end for so long; the rest goes back [s].
        ready: Called with the name of this process when it works.
        alive_file: Touched while it is well.

    A process whose name another one took may have been held for dead: it ends as it stands.

    Raises:
        UnavailableError: The lake is not here.
    """
    async with AsyncExitStack() as stack:
        wiring, _ = await open_wiring(stack, outside, None, kind="worker", drain_s=drain_s)
        for desk in desks_of(wiring):
            desk.start()
            stack.push_async_callback(desk.stop)
        await _alive(stack, wiring, alive_file)
        ready(wiring.engine.name)
        await _until_the_end(wiring, told_to_end)
        logger.info("the worker ends what it does", most_s=drain_s)
        await wiring.presence.drain()


async def receive(
    outside: Outside,
    told_to_end: asyncio.Event,
    *,
    ready: Callable[[str], None],
    alive_file: Path | None = None,
) -> None:
    """Receive DICOM for the servers that share the database and the files, until told to end.

    Args:
        outside: Settings and the other services; no queue is served.
        told_to_end: Set, nothing more is received.
        ready: Called with the name of this process when it listens.
        alive_file: Touched while it is well.

    Raises:
        UnavailableError: The lake is not here.
        ListenerError: A port is taken, or a certificate cannot be read.
    """
    async with AsyncExitStack() as stack:
        wiring, _ = await open_wiring(stack, outside, None, kind="receiver")
        answers = answers_of(wiring)
        node = DicomNode(
            wiring.settings,
            wiring.sessions,
            wiring.lake,
            answers=answers,
            receiving=wiring.receiving,
        )
        await node.start()
        stack.push_async_callback(node.stop)
        await _alive(stack, wiring, alive_file, lambda: node.listens)
        ready(wiring.engine.name)
        await _until_the_end(wiring, told_to_end)


async def _alive(
    stack: AsyncExitStack,
    wiring: Wiring,
    file: Path | None,
    is_well: Callable[[], bool] = lambda: True,
) -> None:
    if file is not None:
        alive = Alive(wiring.sessions, file, is_well)
        alive.start()
        stack.push_async_callback(alive.stop)


async def _until_the_end(wiring: Wiring, told_to_end: asyncio.Event) -> None:
    """Wait to be told; who lost its name may have been held for dead, and ends as it stands."""
    ends = {asyncio.ensure_future(each.wait()) for each in (told_to_end, wiring.engine.usurped)}
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    for each in ends:
        each.cancel()
    if wiring.engine.usurped.is_set():
        logger.error("another process has the name of this one", name=wiring.engine.name)
        os._exit(USURPED)
