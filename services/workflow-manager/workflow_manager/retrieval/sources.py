"""Which source a target is. Made anew for each accession number, so that changes are heeded."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from scanhub_libraries.models.target import (
    DicomTarget,
    DicomTlsTarget,
    DicomWebTarget,
    TargetDocument,
)
from workflow_manager.dicom.client_tls import UnreadablePemError
from workflow_manager.dicom.entries import Origin
from workflow_manager.retrieval.dicomweb import WebSource
from workflow_manager.retrieval.dimse import DicomSource
from workflow_manager.retrieval.inbox import Inbox
from workflow_manager.retrieval.rules import FoundSeries, SourceError, UnsupportedMethodError
from workflow_manager.retrieval.stopping import Stop
from workflow_manager.senders.dicom import SENDER, peer_of, secured
from workflow_manager.settings import WorkflowManagerSettings

MOST_AT_ONCE = 8
"""Studies that one process fetches at the same time, from all sources together."""
# Of their own: whoever fetches holds up nobody who sends.
_THREADS = ThreadPoolExecutor(MOST_AT_ONCE + 2, thread_name_prefix="retrieve")
T = TypeVar("T")


class Source(Protocol):
    """A system that can be asked for studies."""

    origin: Origin
    """What stands in the index of what comes from it."""

    async def find(self, accession_number: str, stop: Stop) -> list[FoundSeries]:
        """Return the series of an accession number; raises SourceError."""
        ...

    async def fetch(self, series: FoundSeries, inbox: Inbox, stop: Stop) -> str:
        """Fetch a series into an inbox; return what is wrong, or nothing; raises SourceError."""
        ...

    async def let_send(self, series: FoundSeries, stop: Stop) -> str:
        """Let it send a series to our listener; raises UnsupportedMethodError, SourceError."""
        ...


async def in_thread(function: Callable[..., T], *arguments: Any, stop: Stop) -> T:
    """Run what blocks; whoever is canceled meanwhile ends it, and waits until it has ended."""
    work = asyncio.get_running_loop().run_in_executor(_THREADS, function, *arguments)
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.get_running_loop().run_in_executor(None, stop.set)
        await asyncio.wait({work}, timeout=5.0)
        raise


class DimseSource:
    """A DICOM node."""

    def __init__(
        self, target: DicomTarget | DicomTlsTarget, settings: WorkflowManagerSettings
    ) -> None:
        if target.ip == SENDER:
            raise SourceError("The address of the source is that of whoever sent: give a host.")
        self._peer = peer_of(
            target,
            connect_timeout_s=settings.connect_timeout_s,
            timeout_s=settings.dicom_timeout_s,
        )
        self._target = target
        self._settings = settings
        self.origin = Origin(
            target.aet_target, receiver_aet=target.aet_source, sender_address=target.ip
        )

    def _source(self) -> DicomSource:
        try:
            peer = secured(self._peer, self._target)
        except UnreadablePemError as error:
            raise SourceError(f"The source cannot be asked. {error}") from error
        settings = self._settings
        our_aet, silence_s = settings.dicom_ae_title, settings.retrieval_silence_s
        return DicomSource(peer, our_aet=our_aet, silence_s=silence_s)

    async def find(self, accession_number: str, stop: Stop) -> list[FoundSeries]:
        """Ask with C-FIND."""
        return await in_thread(lambda: self._source().find(accession_number, stop), stop=stop)

    async def fetch(self, series: FoundSeries, inbox: Inbox, stop: Stop) -> str:
        """Fetch with C-GET."""
        return await in_thread(lambda: self._source().get(series, inbox, stop), stop=stop)

    async def let_send(self, series: FoundSeries, stop: Stop) -> str:
        """Let it send with C-MOVE."""
        if self._settings.dicom_port is None and self._settings.dicom_tls_port is None:
            raise UnsupportedMethodError("C-MOVE needs a DICOM port of ours, and there is none.")
        return await in_thread(lambda: self._source().move(series, stop), stop=stop)


def make_source(target: TargetDocument, settings: WorkflowManagerSettings) -> Source:
    """Return the source that a target is.

    Raises:
        SourceError: It is none.
    """
    if isinstance(target, DicomWebTarget):
        return WebSource(target, settings)
    if isinstance(target, DicomTarget | DicomTlsTarget):
        return DimseSource(target, settings)
    raise SourceError(f"Images cannot be fetched from a target of type {target.target_type}.")
