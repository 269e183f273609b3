"""The application of workflow-manager: builds everything, opens it, closes it."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version

import httpx
from fastapi import FastAPI

from scanhub_libraries.clients import DeviceManagerClient, ExamManagerClient, TokenSource
from scanhub_libraries.clients.base import RevocationFeed
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import create_engine, create_sessions
from scanhub_libraries.lake import LocalLake
from scanhub_libraries.migrate import upgrade
from scanhub_libraries.repeating import Repeating
from scanhub_libraries.security.permissions import BOOKKEEPER, METRICS
from scanhub_libraries.security.shared_keys import SharedKey
from scanhub_libraries.security.tokens import TokenVerifier
from scanhub_libraries.web import create_service_app
from workflow_manager.bookkeeper import query_routes as bookkeeper_query_routes
from workflow_manager.bookkeeper import routes as bookkeeper_routes
from workflow_manager.bookkeeper.forms import LARGEST_BODY as LARGEST_REPORT
from workflow_manager.cases import routes as cases_routes
from workflow_manager.cases.keeper import CaseKeeper
from workflow_manager.dicom import routes as dicom_routes
from workflow_manager.dicom.node import DicomNode
from workflow_manager.dicom.service import DicomStore
from workflow_manager.dicomweb import (
    rendered_routes,
    retrieve_routes,
    search_routes,
    store_routes,
)
from workflow_manager.dicomweb.storing import Desk
from workflow_manager.dispatch import routes as dispatch_routes
from workflow_manager.dispatch import service as dispatch_service
from workflow_manager.dispatch.desk import MOST_AT_ONCE, DispatchDesk, start_missing_attempts
from workflow_manager.dispatch.workflow import DispatchSteps, dispatch_workflow
from workflow_manager.engine import WorkflowBody
from workflow_manager.engine.dbos_engine import DbosEngine, QueueSettings
from workflow_manager.health import routes as health_routes
from workflow_manager.health.service import Health
from workflow_manager.journal import routes as journal_routes
from workflow_manager.journal.retention import pruning
from workflow_manager.journal.tail import JournalTail
from workflow_manager.notifications import routes as notification_routes
from workflow_manager.notifications import service as notification_service
from workflow_manager.notifications.reactor import notification_follower
from workflow_manager.notifications.workflow import (
    NotificationSteps,
    notification_workflow,
    start_missing_notifications,
)
from workflow_manager.previews import routes as previews_routes
from workflow_manager.previews.desk import PreviewDesk
from workflow_manager.routing_rules import decision_routes, trial_routes
from workflow_manager.routing_rules import routes as rules_routes
from workflow_manager.runs import routes as runs_routes
from workflow_manager.runs import service as runs_service
from workflow_manager.runs.reactor import RunReactor
from workflow_manager.runs.recovery import start_missing_runs
from workflow_manager.runs.steps import RunSteps
from workflow_manager.runs.workflow import run_workflow
from workflow_manager.senders.registry import Senders
from workflow_manager.settings import WorkflowManagerSettings
from workflow_manager.targets import routes as targets_routes
from workflow_manager.targets.secret_box import SecretBox
from workflow_manager.triggers import routes as triggers_routes
from workflow_manager.wiring import Wiring

PREFIX = "/api/v1/workflowmanager"
_SENDERS = MOST_AT_ONCE + 8
"""Threads that talk to targets, with some left for connection tests."""
_SWEEP_S = 60.0
_REMEMBER = timedelta(days=30)
_ROUTES = (
    triggers_routes,
    runs_routes,
    previews_routes,
    dicom_routes,
    search_routes,
    retrieve_routes,
    rendered_routes,
    targets_routes,
    dispatch_routes,
    trial_routes,
    rules_routes,
    decision_routes,
    cases_routes,
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
) -> FastAPI:
    """Return the application; nothing is opened before its lifespan.

    Args:
        settings: What the installation decides.
        exam_manager: Client whose base URL (or transport) leads to exam-manager.
        device_manager: The same for device-manager.
        verifier: Verifies tokens; its revocation list is kept fresh here.
        token_source: Gives this service its own token.
    """
    outside = _Outside(settings, exam_manager, device_manager, token_source)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            wiring = await _open(app, stack, outside)
            feed = RevocationFeed(verifier.revocations, wiring.exam_manager.get_revocations)
            if token_source is not None:
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
    for routes in _ROUTES:
        app.include_router(routes.router)
    app.include_router(bookkeeper_routes.router, max_body_size=LARGEST_REPORT)
    app.include_router(store_routes.router, max_body_size=settings.dicomweb_max_request_bytes)
    return app


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
    settings, token_source = outside.settings, outside.token_source
    await asyncio.to_thread(upgrade, "workflow_manager", settings.database_url)
    database = create_engine(settings.database_url)
    stack.push_async_callback(database.dispose)
    sessions = create_sessions(database)
    embedded = settings.database_url.startswith("sqlite")
    tail = JournalTail(sessions, poll_seconds=None if embedded else 1.0)
    await tail.start()
    stack.push_async_callback(tail.stop)
    threads = ThreadPoolExecutor(max_workers=_SENDERS, thread_name_prefix="send")
    stack.callback(threads.shutdown, wait=False, cancel_futures=True)
    lake = LocalLake(settings.lake_root)
    engine, bodies = _engine(settings)
    wiring = Wiring(
        settings=settings,
        sessions=sessions,
        lake=lake,
        exam_manager=ExamManagerClient(outside.exam_manager, token_source),
        device_manager=DeviceManagerClient(outside.device_manager, token_source),
        store=DicomStore(sessions, lake),
        tail=tail,
        engine=engine,
        slots=asyncio.Semaphore(settings.recon_slots),
        senders=Senders(threads, settings.connect_timeout_s, settings.dicom_timeout_s),
        secret_box=SecretBox(settings.secrets_key),
    )
    do_run = RunSteps(wiring)
    bodies[runs_service.KIND] = run_workflow(do_run)
    bodies[dispatch_service.KIND] = dispatch_workflow(DispatchSteps(wiring))
    bodies[notification_service.KIND] = notification_workflow(NotificationSteps(wiring))
    app.state.sessions, app.state.tail, app.state.wiring = sessions, tail, wiring
    await engine.launch()
    stack.push_async_callback(engine.close)
    app.state.previews = previews = PreviewDesk(wiring)
    await previews.start()
    stack.push_async_callback(previews.stop)
    await _start_work(app, stack, wiring, do_run)
    return wiring


async def _start_work(
    app: FastAPI, stack: AsyncExitStack, wiring: Wiring, do_run: RunSteps
) -> None:
    reactor = RunReactor(wiring)
    await reactor.start()
    stack.push_async_callback(reactor.stop)
    told = notification_follower(wiring)
    await told.start()
    stack.push_async_callback(told.stop)
    sweep = _sweep(wiring, do_run)
    sweep.start()
    stack.push_async_callback(sweep.stop)
    pruner = pruning(wiring.sessions, wiring.settings.journal_keep_days)
    pruner.start()
    stack.push_async_callback(pruner.stop)
    keeper = CaseKeeper(wiring)
    await keeper.start()
    stack.push_async_callback(keeper.stop)
    node = DicomNode(wiring.settings, wiring.sessions, wiring.lake)
    await node.start()
    stack.push_async_callback(node.stop)
    app.state.dicomweb_desk = Desk(node.receiving, node.leftovers.new_folder())
    app.state.health = health = Health(wiring, node)
    app.state.measure = health.measure
    desk = DispatchDesk(wiring)
    desk.start()
    stack.push_async_callback(desk.stop)


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
            runs_service.QUEUE: QueueSettings(at_once=settings.recon_slots),
            notification_service.QUEUE: QueueSettings(at_once=4, at_once_per_partition=1),
            dispatch_service.QUEUE: QueueSettings(at_once=MOST_AT_ONCE, at_once_per_partition=1),
        },
    )
    return engine, bodies


def _sweep(wiring: Wiring, do_run: RunSteps) -> Repeating:
    """Return what finds what was left behind: at the start, and now and then."""

    async def once() -> None:
        await start_missing_runs(wiring, do_run)
        await start_missing_notifications(wiring)
        await start_missing_attempts(wiring)
        await wiring.engine.forget(utc_now() - _REMEMBER)

    return Repeating("sweeping runs", once, _SWEEP_S)
