"""Begins imports as soon as they are written down, and sweeps what was left behind."""

from scanhub_libraries.events import EventType
from scanhub_libraries.repeating import SOON_S, Repeating
from workflow_manager.imports.workflow import start_imports, sweep_imports
from workflow_manager.wiring import Wiring

_SWEEP_S = 60.0


class ImportDesk:
    """Hears of imports from the journal."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._starting = Repeating("beginning imports", self._start, _SWEEP_S, begin_after=SOON_S)
        self._sweeping = Repeating("sweeping imports", self._sweep, _SWEEP_S, begin_after=SOON_S)
        wiring.tail.wake_on((EventType.IMPORT_STARTED,), self._starting.wake)

    def start(self) -> None:
        """Begin."""
        self._starting.start()
        self._sweeping.start()

    async def stop(self) -> None:
        """Begin nothing more."""
        await self._starting.stop()
        await self._sweeping.stop()

    async def _start(self) -> None:
        await start_imports(self._wiring)

    async def _sweep(self) -> None:
        await sweep_imports(self._wiring)
