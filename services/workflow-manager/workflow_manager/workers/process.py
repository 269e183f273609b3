"""A worker: a process that does the work of queues, and nothing else."""

import asyncio
import os
from collections.abc import Callable
from contextlib import AsyncExitStack

from scanhub_libraries.logging import get_logger
from workflow_manager.background import Outside, desks_of, open_wiring

logger = get_logger(__name__)


USURPED = 3
"""Exit code: another process has the name of this one."""


async def work(
    outside: Outside, told_to_end: asyncio.Event, *, drain_s: float, ready: Callable[[str], None]
) -> None:
    """Do the work of the queues that the settings name, until told to end.

    Args:
        outside: Settings and the other services.
        told_to_end: Set, nothing new begins.
        drain_s: What runs then is let come to its end for so long; the rest goes back [s].
        ready: Called with the name of this process when it works.

    A process whose name another one took may have been held for dead: it ends as it stands.

    Raises:
        UnavailableError: The lake is not here.
    """
    async with AsyncExitStack() as stack:
        wiring, _ = await open_wiring(stack, outside, None, kind="worker", drain_s=drain_s)
        for desk in desks_of(wiring):
            desk.start()
            stack.push_async_callback(desk.stop)
        ready(wiring.engine.name)
        ends = {asyncio.ensure_future(each.wait()) for each in (told_to_end, wiring.engine.usurped)}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for each in ends:
            each.cancel()
        if wiring.engine.usurped.is_set():
            logger.error("another process has the name of this worker", name=wiring.engine.name)
            os._exit(USURPED)
        logger.info("the worker ends what it does", most_s=drain_s)
        await wiring.presence.drain()
