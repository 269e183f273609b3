"""The application of workflow-manager: builds everything, opens it, closes it."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version

import httpx
from fastapi import FastAPI

from scanhub_jobs.platform.documents import TOKEN_PREFIX
from scanhub_libraries.clients import DeviceManagerClient, ExamManagerClient, TokenSource
from scanhub_libraries.clients.base import RevocationFeed
from scanhub_libraries.database import Sessions, create_engine, create_sessions, dialect_of
from scanhub_libraries.lake import LocalLake
from scanhub_libraries.migrate import upgrade
from scanhub_libraries.security.access import BOOKKEEPER, METRICS
from scanhub_libraries.security.shared_keys import SharedKey
from scanhub_libraries.security.tokens import TokenVerifier
from scanhub_libraries.web import create_service_app
from workflow_manager.bookkeeper import query_routes as bookkeeper_query_routes
from workflow_manager.bookkeeper import routes as bookkeeper_routes
from workflow_manager.bookkeeper.forms import LARGEST_BODY as LARGEST_REPORT
from workflow_manager.cases import routes as cases_routes
from workflow_manager.cases.keeper import CaseKeeper
from workflow_manager.cleaner import routes as cleaner_routes
from workflow_manager.cleaner.cleaning import Cleaner
from workflow_manager.commitments import routes as commitment_routes
from workflow_manager.commitments import service as commitments_service
from workflow_manager.commitments.workflow import (
    Promises,
    commitment_workflow,
)
from workflow_manager.dicom import routes as dicom_routes
from workflow_manager.dicom.listeners import Answer
from workflow_manager.dicom.node import DicomNode
from workflow_manager.dicom.promising import ASKED, REPORT, TOLD
from workflow_manager.dicom.receiving import Receiving
from workflow_manager.dicom.service import DicomStore
from workflow_manager.dicomweb import (
    rendered_routes,
    retrieve_routes,
    search_routes,
    store_routes,
)
from workflow_manager.dicomweb.settling import open_desk
from workflow_manager.dispatch import routes as dispatch_routes
from workflow_manager.dispatch import service as dispatch_service
from workflow_manager.dispatch.commitment import CommitmentDesk
from workflow_manager.dispatch.desk import MOST_AT_ONCE, DispatchDesk
from workflow_manager.dispatch.workflow import DispatchSteps, dispatch_workflow
from workflow_manager.engine import Engine, WorkflowBody
from workflow_manager.engine.dbos_engine import DbosEngine
from workflow_manager.engine.places import QueueSettings
from workflow_manager.health import routes as health_routes
from workflow_manager.health.service import Health
from workflow_manager.imports import routes as imports_routes
from workflow_manager.imports import service as imports_service
from workflow_manager.imports import upload_routes
from workflow_manager.imports.desk import ImportDesk
from workflow_manager.imports.workflow import ImportSteps, import_workflow
from workflow_manager.job_sessions import data_routes as job_data_routes
from workflow_manager.job_sessions import routes as job_session_routes
from workflow_manager.job_sessions.listener import JobListener
from workflow_manager.job_sessions.tokens import finder
from workflow_manager.jobs import routes as jobs_routes
from workflow_manager.jobs.registry import JobRegistry
from workflow_manager.journal import routes as journal_routes
from workflow_manager.journal.retention import pruning
from workflow_manager.journal.tail import JournalTail
from workflow_manager.kept_aside import routes as kept_aside_routes
from workflow_manager.modules import persistence_routes
from workflow_manager.modules import routes as modules_routes
from workflow_manager.modules.runners import Runners
from workflow_manager.notes import Notes, Topic
from workflow_manager.notifications import routes as notification_routes
from workflow_manager.notifications import service as notification_service
from workflow_manager.notifications.reactor import notification_follower
from workflow_manager.notifications.workflow import (
    NotificationSteps,
    notification_workflow,
)
from workflow_manager.previews import routes as previews_routes
from workflow_manager.previews.desk import PreviewDesk
from workflow_manager.processing import queueing as processing_queueing
from workflow_manager.processing import routes as processing_routes
from workflow_manager.processing import session_routes as processing_session_routes
from workflow_manager.processing.desk import (
    ProcessingDesk,
)
from workflow_manager.processing.steps import ProcessingSteps
from workflow_manager.processing.workflow import processing_workflow
from workflow_manager.retrieval import routes as retrieval_routes
from workflow_manager.retrieval import service as retrieval_service
from workflow_manager.retrieval.desk import RetrievalDesk
from workflow_manager.retrieval.sources import MOST_AT_ONCE as MOST_FETCHED
from workflow_manager.retrieval.workflow import RetrievalSteps, retrieval_workflow
from workflow_manager.routing_rules import decision_routes, trial_routes
from workflow_manager.routing_rules import routes as rules_routes
from workflow_manager.runs import routes as runs_routes
from workflow_manager.runs import service as runs_service
from workflow_manager.runs.reactor import run_follower
from workflow_manager.runs.steps import RunSteps
from workflow_manager.runs.workflow import run_workflow
from workflow_manager.selftest import routes as selftest_routes
from workflow_manager.selftest.runner import SelfTests
from workflow_manager.senders.registry import Senders
from workflow_manager.senders.transcoder import Transcoding
from workflow_manager.settings import WorkflowManagerSettings
from workflow_manager.sweeping import sweeps
from workflow_manager.targets import history_routes as target_history_routes
from workflow_manager.targets import routes as targets_routes
from workflow_manager.targets.secret_box import SecretBox
from workflow_manager.triggers import routes as triggers_routes
from workflow_manager.wiring import Wiring

PREFIX = "/api/v1/workflowmanager"
_SENDERS = MOST_AT_ONCE + 8
"""Threads that talk to targets, with some left for connection tests."""
_SELDOM_S = 10.0
"""How often the journal is looked at where other processes write it, which also tell of it [s]."""
_ROUTES = (
    triggers_routes,
    jobs_routes,
    job_session_routes,
    job_data_routes,
    runs_routes,
    previews_routes,
    dicom_routes,
    kept_aside_routes,
    search_routes,
    retrieve_routes,
    rendered_routes,
    targets_routes,
    target_history_routes,
    modules_routes,
    persistence_routes,
    processing_routes,
    processing_session_routes,
    commitment_routes,
    dispatch_routes,
    retrieval_routes,
    imports_routes,
    trial_routes,
    rules_routes,
    decision_routes,
    cases_routes,
    cleaner_routes,
    selftest_routes,
    journal_routes,
    bookkeeper_query_routes,
    notification_routes,
    health_routes,
)


def create_app(
    settings: WorkflowManagerSettings,
    *,
    exam_manager: httpx.AsyncClient,
    device_manager: httpx.AsyncClient,
    verifier: TokenVerifier,
    token_source: TokenSource | None = None,
    follow_revocations: bool = True,
) -> FastAPI:
    """Return the application; nothing is opened before its lifespan.

    Args:
        settings: What the installation decides.
        exam_manager: Client whose base URL (or transport) leads to exam-manager.
        device_manager: The same for device-manager.
        verifier: Verifies tokens; its revocation list is kept fresh here.
        token_source: Gives this service its own token.
        follow_revocations: Ask exam-manager for ended sessions; not needed when `verifier` has the
            list of exam-manager itself.
    """
    outside = _Outside(settings, exam_manager, device_manager, token_source)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            wiring = await _open(app, stack, outside)
            feed = RevocationFeed(verifier.revocations, wiring.exam_manager.get_revocations)
            if token_source is not None and follow_revocations:
                feed.start()
                stack.push_async_callback(feed.stop)
            app.state.started = True
            yield
            app.state.started = False

    app = create_service_app(
        title="workflow-manager",
        version=version("workflow-manager"),
        prefixes=[PREFIX],
        lifespan=lifespan,
        verifier=verifier,
        shared_keys={
            BOOKKEEPER: SharedKey(settings.bookkeeper_key, "SCANHUB_WORKFLOW_BOOKKEEPER_KEY"),
            METRICS: SharedKey(settings.metrics_key, "SCANHUB_WORKFLOW_METRICS_KEY"),
        },
    )
    _include_routes(app, settings)
    return app


def _include_routes(app: FastAPI, settings: WorkflowManagerSettings) -> None:
    for routes in _ROUTES:
        app.include_router(routes.router)
    app.include_router(bookkeeper_routes.router, max_body_size=LARGEST_REPORT)
    app.include_router(upload_routes.router, max_body_size=settings.import_max_bytes)
    for uploads in (job_session_routes.upload_router, job_data_routes.upload_router):
        app.include_router(uploads, max_body_size=settings.job_file_max_bytes)
    app.include_router(store_routes.router, max_body_size=settings.dicomweb_max_request_bytes)


async def close_streams(app: FastAPI) -> None:
    """End the event streams now: a server that shuts down waits for open responses."""
    tail: JournalTail | None = getattr(app.state, "tail", None)
    if tail is not None:
        await tail.close_streams()


@dataclass(frozen=True)
class _Outside:
    """What comes from outside of this service."""

    settings: WorkflowManagerSettings
    exam_manager: httpx.AsyncClient
    device_manager: httpx.AsyncClient
    token_source: TokenSource | None


async def _open(app: FastAPI, stack: AsyncExitStack, outside: _Outside) -> Wiring:
    """Open what the service works with; the stack closes it in the opposite order."""
    settings = outside.settings
    await asyncio.to_thread(upgrade, "workflow_manager", settings.database_url)
    database = create_engine(settings.database_url)
    stack.push_async_callback(database.dispose)
    sessions = create_sessions(database)
    notes = Notes(sessions, settings.database_url)
    tail = await _open_tail(stack, sessions, notes)
    engine, bodies = _engine(settings)
    senders = _senders(stack, settings)
    wiring = _wire(app, outside, sessions, tail=tail, engine=engine, senders=senders)
    stack.push_async_callback(wiring.receiving.stop)
    stack.push_async_callback(wiring.job_listener.stop)
    notes.on(Topic.STOP, wiring.stop_here)
    await stack.enter_async_context(notes)
    app.state.own_tokens = {TOKEN_PREFIX: finder(sessions)}
    do_run = RunSteps(wiring)
    bodies |= _bodies(wiring, do_run)
    app.state.sessions, app.state.tail, app.state.wiring = sessions, tail, wiring
    await engine.launch()
    stack.push_async_callback(engine.close)
    app.state.previews = await _open_previews(stack, wiring)
    await _start_work(app, stack, wiring, do_run)
    return wiring


async def _open_previews(stack: AsyncExitStack, wiring: Wiring) -> PreviewDesk:
    previews = PreviewDesk(wiring)
    await previews.start()
    stack.push_async_callback(previews.stop)
    return previews


def _wire(
    app: FastAPI,
    outside: _Outside,
    sessions: Sessions,
    *,
    tail: JournalTail,
    engine: Engine,
    senders: Senders,
) -> Wiring:
    settings, token_source = outside.settings, outside.token_source
    lake, jobs = LocalLake(settings.lake_root), JobRegistry(settings.reconstruction_servers)
    return Wiring(
        settings=settings,
        sessions=sessions,
        lake=lake,
        exam_manager=ExamManagerClient(outside.exam_manager, token_source),
        device_manager=DeviceManagerClient(outside.device_manager, token_source),
        store=DicomStore(sessions, lake, settings.dicom_extra_tags),
        receiving=Receiving(sessions, lake, settings.dicom_durability, settings.dicom_extra_tags),
        tail=tail,
        engine=engine,
        slots=asyncio.Semaphore(settings.recon_slots),
        senders=senders,
        secret_box=SecretBox(settings.secrets_key),
        runners=Runners(settings, jobs),
        job_listener=JobListener(app, settings.job_url),
        jobs=jobs,
    )


async def _open_tail(stack: AsyncExitStack, sessions: Sessions, notes: Notes) -> JournalTail:
    embedded = dialect_of(sessions) == "sqlite"
    tail = JournalTail(sessions, poll_seconds=None if embedded else _SELDOM_S)
    notes.on(Topic.JOURNAL, lambda _: tail.wake(), regained=tail.wake)
    await tail.start()
    stack.push_async_callback(tail.stop)
    return tail


def _senders(stack: AsyncExitStack, settings: WorkflowManagerSettings) -> Senders:
    threads = ThreadPoolExecutor(max_workers=_SENDERS, thread_name_prefix="send")
    stack.callback(threads.shutdown, wait=False, cancel_futures=True)
    transcoding = Transcoding(settings.transcode_bytes, settings.transcode_at_once)
    return Senders(threads, settings.connect_timeout_s, settings.dicom_timeout_s, transcoding)


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


async def _start_work(
    app: FastAPI, stack: AsyncExitStack, wiring: Wiring, do_run: RunSteps
) -> None:
    for follower in (run_follower(wiring), notification_follower(wiring)):
        await follower.start()
        stack.push_async_callback(follower.stop)
    for sweep in sweeps(wiring, do_run):
        sweep.start()
        stack.push_async_callback(sweep.stop)
    pruner = pruning(wiring.sessions, wiring.settings.journal_keep_days)
    pruner.start()
    stack.push_async_callback(pruner.stop)
    keeper = CaseKeeper(wiring)
    await keeper.start()
    stack.push_async_callback(keeper.stop)
    node = DicomNode(
        wiring.settings,
        wiring.sessions,
        wiring.lake,
        answers=_answers(wiring),
        receiving=wiring.receiving,
        on_closed=keeper.association_ended,
    )
    await node.start()
    stack.push_async_callback(node.stop)
    app.state.dicomweb_desk = await stack.enter_async_context(open_desk(wiring.settings, node))
    app.state.cleaner = cleaner = Cleaner(wiring)
    cleaner.start()
    stack.push_async_callback(cleaner.stop)
    app.state.selftests = selftests = SelfTests(wiring, node)
    await selftests.start()
    stack.push_async_callback(selftests.stop)
    app.state.health = health = Health(wiring, node, cleaner)
    app.state.measure = health.measure
    desk = DispatchDesk(wiring)
    desk.start()
    stack.push_async_callback(desk.stop)
    for one in (ProcessingDesk(wiring), RetrievalDesk(wiring), ImportDesk(wiring)):
        one.start()
        stack.push_async_callback(one.stop)


def _answers(wiring: Wiring) -> dict[str, Answer]:
    """Return who answers what DICOM peers ask and say of storage commitment."""
    reports = CommitmentDesk(wiring.sessions, wiring.settings.dispatch_backoff_s)
    promised = dict.fromkeys((ASKED, REPORT, TOLD), Promises(wiring).answer)
    return {"commitment": reports.answer, **promised}


def _engine(
    settings: WorkflowManagerSettings,
) -> tuple[DbosEngine, dict[str, WorkflowBody]]:
    """Return the engine and the workflow functions it will find once they are made."""
    bodies: dict[str, WorkflowBody] = {}
    engine = DbosEngine(
        settings.engine_database_url,
        executor_id=settings.executor_id,
        bodies=bodies,
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
