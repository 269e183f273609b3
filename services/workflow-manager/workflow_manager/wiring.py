"""What the parts of this service work with, opened in the lifespan and closed with it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from scanhub_libraries.clients import DeviceManagerClient, ExamManagerClient
from scanhub_libraries.database import Sessions
from scanhub_libraries.lake import LocalLake
from workflow_manager.dicom.receiving import Receiving
from workflow_manager.dicom.service import DicomStore
from workflow_manager.engine import Engine
from workflow_manager.gpus import GpuSlots
from workflow_manager.job_sessions.listener import JobListener
from workflow_manager.jobs.registry import JobRegistry
from workflow_manager.journal.log_news import LogNews
from workflow_manager.journal.tail import JournalTail
from workflow_manager.modules.runners import Runners
from workflow_manager.notes import Notes
from workflow_manager.senders.port import SendReport
from workflow_manager.senders.registry import Senders
from workflow_manager.settings import WorkflowManagerSettings
from workflow_manager.targets.secret_box import SecretBox
from workflow_manager.workers.pausing import Pauses
from workflow_manager.workers.presence import Presence


def _nobody_listens() -> None:
    """Take the place of a desk that is not there yet."""


@dataclass
class Wiring:
    """The collaborators of background work; requests find them on `app.state.wiring`."""

    settings: WorkflowManagerSettings
    sessions: Sessions
    lake: LocalLake
    exam_manager: ExamManagerClient
    device_manager: DeviceManagerClient
    store: DicomStore
    receiving: Receiving
    """Indexes what is fetched and imported; the listener has its own."""
    tail: JournalTail
    engine: Engine
    slots: asyncio.Semaphore
    """Jobs that compute at the same time."""
    senders: Senders
    """What brings images to targets."""
    secret_box: SecretBox
    """Encrypts the secrets of targets."""
    runners: Runners
    """What runs processing modules."""
    gpus: GpuSlots
    """Graphics processors of this process."""
    job_listener: JobListener
    """Where jobs of the SDK find this process."""
    presence: Presence
    """This process, as the others see it."""
    pauses: Pauses
    """Queues of which nothing begins."""
    notes: Notes
    """What the other processes of this service say."""
    logs: LogNews
    """Told when the log of a run has grown."""
    jobs: JobRegistry = field(default_factory=JobRegistry)
    """Which jobs there are."""
    sending: dict[UUID, SendReport] = field(default_factory=dict)
    """Dispatches that this process sends."""
    attempt_ended: Callable[[], None] = _nobody_listens
    """Told when this process has ended an attempt to send: its place is free."""
    processing: dict[UUID, asyncio.Event] = field(default_factory=dict)
    """Runs of modules in this process, and how to stop them."""
    processing_ended: Callable[[], None] = _nobody_listens
    """Told when such a run has ended: its slot is free."""
    runs_due: Callable[[], None] = _nobody_listens
    """Told when a run of a job that may not have begun is to end."""
    cancels: dict[UUID, asyncio.Event] = field(default_factory=dict)
    """Runs whose job is computing in this process, and how to stop it."""
    renderings: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))
    """Images that are decoded and drawn at the same time: it takes memory and the processor."""
    searches: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))
    """Sources that people ask at the same time: each takes a thread."""

    def stop_here(self, run_id: str) -> None:
        """Kill what computes for a run, if this process does: somebody stops it."""
        for signals in (self.processing, self.cancels):
            signal = signals.get(UUID(run_id))
            if signal is not None:
                signal.set()
