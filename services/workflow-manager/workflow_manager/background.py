"""What works without being asked: the run engine with its workflows, and who puts work into it.

A server has it behind its API, a worker has nothing else.
"""

import asyncio
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Protocol

import httpx

from scanhub_libraries.clients import DeviceManagerClient, ExamManagerClient, TokenSource
from scanhub_libraries.database import Sessions, create_engine, create_sessions, dialect_of
from scanhub_libraries.lake import LocalLake
from scanhub_libraries.lake_bucket import open_lake
from scanhub_libraries.migrate import upgrade
from workflow_manager.commitments import service as commitments_service
from workflow_manager.commitments.workflow import Promises, commitment_workflow
from workflow_manager.dicom.listeners import Answer
from workflow_manager.dicom.promising import ASKED, REPORT, TOLD
from workflow_manager.dicom.receiving import Receiving
from workflow_manager.dicom.service import DicomStore
from workflow_manager.dispatch import service as dispatch_service
from workflow_manager.dispatch.commitment import CommitmentDesk
from workflow_manager.dispatch.desk import MOST_AT_ONCE, DispatchDesk
from workflow_manager.dispatch.workflow import DispatchSteps, dispatch_workflow
from workflow_manager.engine import WorkflowBody
from workflow_manager.engine.databases import is_shared
from workflow_manager.engine.dbos_engine import DbosEngine
from workflow_manager.engine.places import QueueSettings
from workflow_manager.gpu_locks import GpuLocks
from workflow_manager.gpus import GpuSlots
from workflow_manager.imports import service as imports_service
from workflow_manager.imports.workflow import ImportSteps, import_workflow
from workflow_manager.job_sessions.listener import JobListener
from workflow_manager.jobs.registry import JobRegistry
from workflow_manager.journal.log_news import LogNews
from workflow_manager.journal.tail import JournalTail
from workflow_manager.modules.runners import Runners
from workflow_manager.notes import Notes, Topic
from workflow_manager.notifications import service as notification_service
from workflow_manager.notifications.workflow import NotificationSteps, notification_workflow
from workflow_manager.processing import queueing as processing_queueing
from workflow_manager.processing.desk import ProcessingDesk
from workflow_manager.processing.steps import ProcessingSteps
from workflow_manager.processing.workflow import processing_workflow
from workflow_manager.retrieval import service as retrieval_service
from workflow_manager.retrieval.desk import RetrievalDesk
from workflow_manager.retrieval.sources import MOST_AT_ONCE as MOST_FETCHED
from workflow_manager.retrieval.workflow import RetrievalSteps, retrieval_workflow
from workflow_manager.runs import service as runs_service
from workflow_manager.runs.steps import RunSteps
from workflow_manager.runs.workflow import run_workflow
from workflow_manager.senders.registry import Senders
from workflow_manager.senders.transcoder import Transcoding
from workflow_manager.settings import WorkflowManagerSettings
from workflow_manager.targets.secret_box import SecretBox
from workflow_manager.wiring import Wiring
from workflow_manager.workers.bells import Bells
from workflow_manager.workers.canceling import Cancels
from workflow_manager.workers.lake_mark import check_lake, mark_lake
from workflow_manager.workers.pausing import Pauses
from workflow_manager.workers.presence import Kind, Presence

_SENDERS = MOST_AT_ONCE + 8
"""Threads that talk to targets, with some left for connection tests."""
_SELDOM_S = 10.0
"""How often the journal is looked at where other processes write it, which also tell of it [s]."""


class Desk(Protocol):
    """What puts work into a queue as its turn comes."""

    def start(self) -> None:
        """Begin."""
        ...

    async def stop(self) -> None:
        """Begin nothing more."""
        ...


@dataclass(frozen=True)
class Outside:
    """What comes from outside of this service."""

    settings: WorkflowManagerSettings
    exam_manager: httpx.AsyncClient
    device_manager: httpx.AsyncClient
    token_source: TokenSource | None


async def open_wiring(
    stack: AsyncExitStack,
    outside: Outside,
    app: object | None,
    *,
    kind: Kind,
    drain_s: float = 0.0,
) -> tuple[Wiring, RunSteps]:
    """Open what background work needs, with the run engine; the stack closes it.

    Args:
        stack: Closes it, in the opposite order.
        outside: Settings and the other services.
        app: What jobs of the SDK talk to, where the settings do not say where it is.
        kind: What this process is.
        drain_s: What runs is let come to its end for so long when it is closed [s].

    Returns:
        The collaborators, and the steps of runs.
    """
    wiring, bodies, notes = await _made(stack, outside, app, kind)
    stack.push_async_callback(wiring.receiving.stop)
    stack.push_async_callback(wiring.job_listener.stop)
    await stack.enter_async_context(notes)
    wiring.logs.start()
    stack.push_async_callback(wiring.logs.stop)
    await wiring.pauses.start()  # before anything begins
    stack.push_async_callback(wiring.pauses.stop)
    stack.push_async_callback(wiring.presence.stop)
    if not wiring.presence.is_alone:
        await asyncio.to_thread(mark_lake if kind == "server" else check_lake, wiring.lake.root)
        bells = Bells(wiring.sessions, wiring.engine, notes)
        bells.start()
        stack.push_async_callback(bells.stop)
        cancels = Cancels(wiring)
        cancels.start()
        stack.push_async_callback(cancels.stop)
    do_run = RunSteps(wiring)
    bodies |= _bodies(wiring, do_run)
    await wiring.engine.launch()
    stack.push_async_callback(wiring.engine.close, drain_s)  # the first to go: it may take its time
    await wiring.presence.start()
    return wiring, do_run


async def _open_sessions(stack: AsyncExitStack, settings: WorkflowManagerSettings) -> Sessions:
    if settings.migrate:
        await asyncio.to_thread(upgrade, "workflow_manager", settings.database_url)
    database = create_engine(settings.database_url, connections=settings.database_connections)
    stack.push_async_callback(database.dispose)
    return create_sessions(database)


async def _made(
    stack: AsyncExitStack, outside: Outside, app: object | None, kind: Kind
) -> tuple[Wiring, dict[str, WorkflowBody], Notes]:
    settings, token_source = outside.settings, outside.token_source
    sessions = await _open_sessions(stack, settings)
    notes = Notes(sessions, settings.database_url)
    tail = await _open_tail(stack, sessions, notes)
    threads = ThreadPoolExecutor(max_workers=_SENDERS, thread_name_prefix="send")
    stack.callback(threads.shutdown, wait=False, cancel_futures=True)
    lake = open_lake(settings.lake_root, settings.lake_bucket)
    engine, bodies = _engine(settings)
    jobs = JobRegistry(settings.reconstruction_servers)
    gpus = GpuSlots(settings.gpu_slots, GpuLocks(settings.lake_root))
    pauses = Pauses(sessions, engine, tail)
    wiring = Wiring(
        settings=settings,
        sessions=sessions,
        lake=lake,
        exam_manager=ExamManagerClient(outside.exam_manager, token_source),
        device_manager=DeviceManagerClient(outside.device_manager, token_source),
        store=DicomStore(sessions, lake, settings.dicom_extra_tags),
        receiving=_receiving(settings, sessions, lake, tail),
        tail=tail,
        engine=engine,
        slots=asyncio.Semaphore(settings.recon_slots),
        senders=_senders(settings, threads),
        jobs=jobs,
        job_listener=JobListener(app, settings.job_url),
        secret_box=SecretBox(settings.secrets_key),
        runners=Runners(settings, jobs, gpus),
        gpus=gpus,
        presence=Presence(sessions, engine, pauses, kind, shared=_is_shared(settings)),
        pauses=pauses,
        notes=notes,
        logs=LogNews(sessions, tail, notes),
    )
    notes.on(Topic.STOP, wiring.stop_here)
    return wiring, bodies, notes


def _receiving(
    settings: WorkflowManagerSettings, sessions: Sessions, lake: LocalLake, tail: JournalTail
) -> Receiving:
    durability, extra_tags = settings.dicom_durability, settings.dicom_extra_tags
    return Receiving(sessions, lake, durability, extra_tags, wake=tail.wake)


def _is_shared(settings: WorkflowManagerSettings) -> bool:
    return is_shared(settings.database_url) and is_shared(settings.engine_database_url)


async def _open_tail(stack: AsyncExitStack, sessions: Sessions, notes: Notes) -> JournalTail:
    embedded = dialect_of(sessions) == "sqlite"
    tail = JournalTail(sessions, poll_seconds=None if embedded else _SELDOM_S)
    notes.on(Topic.JOURNAL, lambda _: tail.wake(), regained=tail.wake)
    await tail.start()
    stack.push_async_callback(tail.stop)
    return tail


def _senders(settings: WorkflowManagerSettings, threads: Executor) -> Senders:
    transcoding = Transcoding(settings.transcode_bytes, settings.transcode_at_once)
    return Senders(threads, settings.connect_timeout_s, settings.dicom_timeout_s, transcoding)


def _engine(
    settings: WorkflowManagerSettings,
) -> tuple[DbosEngine, dict[str, WorkflowBody]]:
    """Return the engine and the workflow functions it will find once they are made."""
    bodies: dict[str, WorkflowBody] = {}
    engine = DbosEngine(
        settings.engine_database_url,
        executor_id=settings.executor_id,
        bodies=bodies,
        served=settings.queues,
        queues={
            runs_service.ATTEMPTS.queue: QueueSettings(at_once=settings.recon_slots),
            notification_service.ATTEMPTS.queue: QueueSettings(at_once=4, at_once_per_partition=1),
            dispatch_service.ATTEMPTS.queue: QueueSettings(
                at_once=MOST_AT_ONCE, at_once_per_partition=1
            ),
            retrieval_service.ATTEMPTS.queue: QueueSettings(
                at_once=MOST_FETCHED, at_once_per_partition=1
            ),
            imports_service.ATTEMPTS.queue: QueueSettings(at_once=2, at_once_per_partition=1),
            commitments_service.ATTEMPTS.queue: QueueSettings(at_once=4, at_once_per_partition=1),
            processing_queueing.ATTEMPTS.queue: QueueSettings(at_once=settings.module_slots),
        },
    )
    return engine, bodies


def _bodies(wiring: Wiring, do_run: RunSteps) -> dict[str, WorkflowBody]:
    """Return the workflow functions by kind."""
    return {
        runs_service.ATTEMPTS.kind: run_workflow(do_run),
        dispatch_service.ATTEMPTS.kind: dispatch_workflow(DispatchSteps(wiring)),
        notification_service.ATTEMPTS.kind: notification_workflow(NotificationSteps(wiring)),
        retrieval_service.ATTEMPTS.kind: retrieval_workflow(RetrievalSteps(wiring)),
        imports_service.ATTEMPTS.kind: import_workflow(ImportSteps(wiring)),
        commitments_service.ATTEMPTS.kind: commitment_workflow(Promises(wiring)),
        processing_queueing.ATTEMPTS.kind: processing_workflow(ProcessingSteps(wiring)),
    }


def answers_of(wiring: Wiring) -> dict[str, Answer]:
    """Return who answers what DICOM peers ask and say of storage commitment."""
    reports = CommitmentDesk(wiring.sessions, wiring.settings.dispatch_backoff_s)
    promised = dict.fromkeys((ASKED, REPORT, TOLD), Promises(wiring).answer)
    return {"commitment": reports.answer, **promised}


def desks_of(wiring: Wiring) -> list[Desk]:
    """Return what takes work for the queues that this process serves."""
    desks: dict[str, type[DispatchDesk | ProcessingDesk | RetrievalDesk]] = {
        dispatch_service.ATTEMPTS.queue: DispatchDesk,
        processing_queueing.ATTEMPTS.queue: ProcessingDesk,
        retrieval_service.ATTEMPTS.queue: RetrievalDesk,
    }
    return [desk(wiring) for queue, desk in desks.items() if queue in wiring.engine.served]
