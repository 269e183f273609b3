"""Instances from other scanners: what is received, and when a received series is complete."""

from collections.abc import Awaitable, Callable

from scanhub_libraries.repeating import Repeating
from workflow_manager.dicom.node import DicomNode
from workflow_manager.dicom.service import QUIET_AT_ONCE, DicomStore
from workflow_manager.settings import WorkflowManagerSettings

_LOOK_S = 5.0
CompleteQuiet = Callable[[float], Awaitable[int]]
"""Completes series that got nothing for so long [s], with what follows; says how many."""


class DicomIntake:
    """Receives instances and decides when a received series is complete."""

    def __init__(
        self, settings: WorkflowManagerSettings, store: DicomStore, complete_quiet: CompleteQuiet
    ) -> None:
        quiet_s = settings.series_quiet_s

        async def look() -> None:
            while await complete_quiet(quiet_s) == QUIET_AT_ONCE:
                pass

        self._watch = Repeating("completing quiet series", look, min(_LOOK_S, quiet_s / 2))
        self.node = DicomNode(settings, store.sessions, store.lake)

    async def start(self) -> None:
        """Listen, if a port is configured."""
        self._watch.start()
        await self.node.start()

    async def stop(self) -> None:
        """Stop listening."""
        await self.node.stop()
        await self._watch.stop()
