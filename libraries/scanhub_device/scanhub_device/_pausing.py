"""Pausing: whether a scan is to rest, whether it does, and who tells."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from scanhub_device.errors import LinkLostError
from scanhub_device.messages import Message, Paused, Resumed

if TYPE_CHECKING:
    from scanhub_device.scan import Scan
    from scanhub_device.scanner import PausingScanner


class Rest:
    """The rest of one scan. Stop wins: a scan that is to stop rests no more.

    Attributes:
        requested: set while the scan is to rest; threads may look at it.
        resting: whether the hardware rests.
    """

    def __init__(
        self,
        task_id: str,
        send: Callable[[Message], Awaitable[None]],
        stop_requested: threading.Event,
    ) -> None:
        self.requested = threading.Event()
        self.resting = False
        self._task_id = task_id
        self._send = send
        self._stop_requested = stop_requested
        self._ever_rested = False
        self._go_on = asyncio.Event()

    @property
    def wanted(self) -> bool:
        """Whether the scan is to rest now."""
        return self.requested.is_set() and not self._stop_requested.is_set()

    async def request(self) -> None:
        """Ask the scan to rest; if it does already, it is said again."""
        self.requested.set()
        self._go_on.clear()
        if self.resting:
            await self.tell()

    async def release(self) -> None:
        """Let the scan go on; if it does already, it is said again."""
        self.requested.clear()
        self._go_on.set()
        if not self.resting:
            self._ever_rested = True
            await self.tell()

    def stop(self) -> None:
        """Wake whoever rests: the scan is to stop."""
        self._go_on.set()

    async def while_wanted(self) -> None:
        """Rest for as long as it is wanted, and say both."""
        if not self.wanted:
            return
        await self.now(resting=True)
        while self.wanted:
            await self._go_on.wait()
        if not self._stop_requested.is_set():
            await self.now(resting=False)

    async def now(self, *, resting: bool) -> None:
        """The hardware rests, or goes on."""
        self.resting, self._ever_rested = resting, True
        await self.tell()

    async def tell(self) -> None:
        """Say how it is; without a link nothing is lost, for it is said again on the next."""
        if not self._ever_rested:
            return
        word = Paused if self.resting else Resumed
        with suppress(LinkLostError):
            await self._send(word(task_id=self._task_id))


class Pauser:
    """Leads the hardware of a scanner with `pause` and `resume` to where it is wanted."""

    def __init__(self, scanner: "PausingScanner", scan: "Scan") -> None:
        self._scanner = scanner
        self._scan = scan
        self._work: asyncio.Task[None] | None = None

    def follow(self, failed: Callable[[Exception], None]) -> None:
        """Go where the scan is wanted; `failed` is told when the hardware does not."""
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._lead(failed))

    async def end(self) -> None:
        """End with the scan: what was under way is cancelled and waited for."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.wait({self._work})

    async def _lead(self, failed: Callable[[Exception], None]) -> None:
        scan, rest = self._scan, self._scan.rest
        try:
            while rest.requested.is_set() != rest.resting and not scan.stop_requested.is_set():
                wanted = rest.requested.is_set()
                await (self._scanner.pause(scan) if wanted else self._scanner.resume(scan))
                await rest.now(resting=wanted)
        except Exception as error:  # noqa: BLE001 - the scan ends with it
            failed(error)
