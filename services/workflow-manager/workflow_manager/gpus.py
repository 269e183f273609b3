"""Graphics processors of this process: each is lent to one job or module at a time.

Processes of one machine that may use the same ones lend each of them once (`gpu_locks`).
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

from scanhub_libraries.errors import UnavailableError
from scanhub_libraries.threads import to_the_end
from workflow_manager.gpu_locks import GpuLocks

VISIBLE = "CUDA_VISIBLE_DEVICES"
Waits = Callable[[str], Awaitable[None]]
"""Told what is waited for."""
_LOOK_S = 1.0
"""How often one looks whether another process has given some back [s]."""


class GpuSlots:
    """Lends graphics processors in the order in which they are asked for.

    Args:
        names: Numbers or UUIDs; one that stands there twice is lent twice at a time.
        locks: Of the machine; none: no other process lends them.
        look_s: How often one looks whether another process has given some back [s].
    """

    def __init__(
        self, names: Sequence[str], locks: GpuLocks | None = None, look_s: float = _LOOK_S
    ) -> None:
        self.names = tuple(names)
        self._locks, self._look_s = locks, look_s
        self._free = _places(names)
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
            yield tuple(_name(place) for place in taken)
        finally:
            if taken:
                await asyncio.shield(self._give_back(taken))

    async def _take(self, count: int, cancel: asyncio.Event, waits: Waits) -> tuple[str, ...]:
        turn, taken = object(), tuple[str, ...]()
        self._line.append(turn)
        stopping = asyncio.create_task(self._wake_when(cancel))
        try:
            if not self._is_turn(turn, count):
                await waits(f"{_counted(count)}: what runs here has them")
            told = False
            while not cancel.is_set() and not (taken := await self._try(turn, count, cancel)):
                if not told and not cancel.is_set():
                    await waits(f"{_counted(count)}: what runs on this machine has them")
                    told = True
                await self._pause(cancel)
        finally:
            stopping.cancel()
            self._line.remove(turn)
            try:
                await asyncio.shield(self._tell())  # the next one may go
            except asyncio.CancelledError:
                await asyncio.shield(self._give_back(taken))
                raise
        return taken

    async def _try(self, turn: object, count: int, cancel: asyncio.Event) -> tuple[str, ...]:
        """Wait for one's turn, and take some; empty: cancelled, or another process has them."""
        async with self._changed:
            await self._changed.wait_for(lambda: cancel.is_set() or self._is_turn(turn, count))
            return () if cancel.is_set() else await self._lock(count)

    async def _lock(self, count: int) -> tuple[str, ...]:
        """Take some that no other process of the machine has; empty: there are too few."""
        free = self._free
        if self._locks is None:
            taken = tuple(free[:count])
        else:
            give_back = self._locks.give_back
            taken = await to_the_end(self._locks.take, free, count, discard=give_back)
        self._free = [place for place in free if place not in taken]
        return taken

    async def _give_back(self, taken: Sequence[str]) -> None:
        if self._locks is not None:
            self._locks.give_back(taken)
        async with self._changed:
            self._free += taken
            self._changed.notify_all()

    async def _pause(self, cancel: asyncio.Event) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._look_s):
                await cancel.wait()

    def _is_turn(self, turn: object, count: int) -> bool:
        return self._line[0] is turn and len(self._free) >= count

    async def _wake_when(self, cancel: asyncio.Event) -> None:
        await cancel.wait()
        await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def _places(names: Sequence[str]) -> list[str]:
    """Return a place for each time that it is lent at once: `NAME.1`, `NAME.2`."""
    count = Counter[str]()
    places = []
    for name in names:
        count[name] += 1
        places.append(f"{name}.{count[name]}")
    return places


def _name(place: str) -> str:
    return place.rpartition(".")[0]


def _counted(count: int) -> str:
    return "a graphics processor" if count == 1 else f"{count} graphics processors"
