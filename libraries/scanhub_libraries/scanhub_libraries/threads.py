"""Work in a thread that is waited for, whatever happens to whoever asked for it."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def to_the_end(
    function: Callable[..., T], *arguments: object, discard: Callable[[T], object] | None = None
) -> T:
    """Run a function in a thread and wait until it has ended, also when cancelled meanwhile.

    A thread cannot be stopped: whoever tidies up before it has ended tidies up too early.

    Args:
        function: What to run.
        arguments: Its arguments.
        discard: What to do with the outcome if nobody is there any more to take it.
    """
    work = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait({work})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is None:
        return work.result()
    if work.exception() is None and discard is not None:
        discard(work.result())
    raise cancelled
