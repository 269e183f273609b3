"""Instances from other scanners: the listener's threads on one side, the index on the other."""

import asyncio
from collections.abc import Awaitable, Callable

from scanhub_libraries.logging import get_logger
from scanhub_libraries.repeating import Repeating
from workflow_manager.dicom import rules
from workflow_manager.dicom.entries import Origin, Outcome
from workflow_manager.dicom.listener import ListenerOptions, ReceivedFile, StoreListener
from workflow_manager.dicom.service import QUIET_AT_ONCE, DicomStore
from workflow_manager.dicom.transport import listen
from workflow_manager.settings import WorkflowManagerSettings

logger = get_logger(__name__)
_STORE_TIMEOUT_S = 120.0
_LOOK_S = 5.0
CompleteQuiet = Callable[[float], Awaitable[int]]
"""Completes series that got nothing for so long [s], with what follows; says how many."""


class IntakeError(Exception):
    """The listener cannot start; the text says why."""


class DicomIntake:
    """Receives instances and decides when a received series is complete."""

    def __init__(
        self, settings: WorkflowManagerSettings, store: DicomStore, complete_quiet: CompleteQuiet
    ) -> None:
        self._settings = settings
        self._store = store
        self._loop = asyncio.get_running_loop()
        quiet_s = settings.series_quiet_s

        async def look() -> None:
            while await complete_quiet(quiet_s) == QUIET_AT_ONCE:
                pass

        self._watch = Repeating("completing quiet series", look, min(_LOOK_S, quiet_s / 2))
        self.listener: StoreListener | None = None

    async def start(self) -> None:
        """Listen, if a port is configured."""
        settings = self._settings
        self._watch.start()
        if settings.dicom_port is None:
            return
        folder = self._store.incoming_folder()
        options = ListenerOptions(
            ae_title=settings.dicom_ae_title, folder=folder, timeout_s=settings.dicom_timeout_s
        )
        self.listener = StoreListener(options, self._receive)
        try:
            self.listener.start(listen(settings.dicom_host, settings.dicom_port))
        except OSError as error:
            raise IntakeError(
                f"The DICOM port {settings.dicom_port} on {settings.dicom_host} cannot be used: "
                f"{error}. Give another one, or end the program that has it."
            ) from error
        logger.info("dicom listener", port=self.listener.port, ae_title=settings.dicom_ae_title)

    async def stop(self) -> None:
        """Stop listening."""
        if self.listener is not None:
            await asyncio.to_thread(self.listener.stop)
        await self._watch.stop()

    def _receive(self, received: ReceivedFile) -> tuple[int, str]:
        """Store an instance; in the association's thread."""
        path = received.file.path
        peer = received.peer
        origin = Origin(peer.calling_ae, receiver_aet=peer.called_ae, sender_address=peer.address)
        storing = self._store.store_instance(path, origin)
        future = asyncio.run_coroutine_threadsafe(storing, self._loop)
        stored = future.result(timeout=_STORE_TIMEOUT_S)
        path.unlink()  # it has its place now
        if stored.outcome is Outcome.QUARANTINED:
            return rules.CANNOT_UNDERSTAND, stored.detail
        return rules.SUCCESS, ""
