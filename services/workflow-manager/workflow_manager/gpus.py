"""Graphics processors of this process: each is lent to one job or module at a time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from scanhub_libraries.errors import UnavailableError

VISIBLE = "CUDA_VISIBLE_DEVICES"
Waits = Callable[[str], Awaitable[None]]
"""Told what is waited for."""


class GpuSlots:
    """Lends graphics processors in the order in which they are asked for.

    Args:
        names: Numbers or UUIDs; one that stands there twice is lent twice at a time.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._free = list(names)
        self._line: list[object] = []
        self._changed = asyncio.Condition()

    def lack(self, count: int) -> str:
        """Say why so many can never be had here; empty: they can."""
        here = len(self.names)
        if count <= here:
            return ""
        has = f"has {here}" if here else "has none"
        return (
            f"It asks for {_counted(count)}, and the process {has}: SCANHUB_WORKFLOW_GPU_SLOTS "
            "says which it may use."
        )

    def variables(self, held: Sequence[str]) -> dict[str, str]:
        """Return the variables of a process that may use these, and no others that are lent."""
        return {VISIBLE: ",".join(held)} if self.names else {}

    @asynccontextmanager
    async def held(
        self, count: int, cancel: asyncio.Event, waits: Waits
    ) -> AsyncIterator[tuple[str, ...]]:
        """Lend some for as long as the block takes; none when `cancel` is set meanwhile.

        Args:
            count: How many; 0: none, at once.
            cancel: Set: they are not waited for any more.
            waits: Told once, when they have to be waited for.

        Raises:
            UnavailableError: There are never so many here.
        """
        if why := self.lack(count):
            raise UnavailableError(why)
        taken = await self._take(count, cancel, waits) if count else ()
        try:
            yield taken
        finally:
            if taken:
                async with self._changed:
                    self._free += taken
                    self._changed.notify_all()

    async def _take(self, count: int, cancel: asyncio.Event, waits: Waits) -> tuple[str, ...]:
        place = object()
        self._line.append(place)
        stopping = asyncio.create_task(self._wake_when(cancel))
        try:
            if not self._is_turn(place, count):
                await waits(f"{_counted(count)}: what runs here has them")
            async with self._changed:
                await self._changed.wait_for(lambda: cancel.is_set() or self._is_turn(place, count))
                if cancel.is_set():
                    return ()
                taken, self._free = tuple(self._free[:count]), self._free[count:]
                return taken
        finally:
            stopping.cancel()
            self._line.remove(place)
            await asyncio.shield(self._tell())  # the next one may go

    def _is_turn(self, place: object, count: int) -> bool:
        return self._line[0] is place and len(self._free) >= count

    async def _wake_when(self, cancel: asyncio.Event) -> None:
        await cancel.wait()
        await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def _counted(count: int) -> str:
    return "a graphics processor" if count == 1 else f"{count} graphics processors"
