"""The application of workflow-manager: builds everything, opens it, closes it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version

import httpx
from fastapi import FastAPI
from pydantic_settings import BaseSettings

from scanhub_jobs.platform.documents import TOKEN_PREFIX
from scanhub_libraries.clients import TokenSource
from scanhub_libraries.clients.base import RevocationFeed
from scanhub_libraries.loop_lag import LoopLag
from scanhub_libraries.security.access import BOOKKEEPER, METRICS
from scanhub_libraries.security.shared_keys import SharedKey
from scanhub_libraries.security.tokens import TokenVerifier
from scanhub_libraries.web import create_service_app
from workflow_manager.all_runs import routes as all_runs_routes
from workflow_manager.annotations import routes as annotation_routes
from workflow_manager.background import Outside, answers_of, desks_of, open_wiring
from workflow_manager.backups import routes as backup_routes
from workflow_manager.backups.desk import BackupDesk, BackupPlace
from workflow_manager.bookkeeper import query_routes as bookkeeper_query_routes
from workflow_manager.bookkeeper import routes as bookkeeper_routes
from workflow_manager.bookkeeper.forms import LARGEST_BODY as LARGEST_REPORT
from workflow_manager.cases import routes as cases_routes
from workflow_manager.cases.keeper import CaseKeeper
from workflow_manager.cleaner import routes as cleaner_routes
from workflow_manager.cleaner.cleaning import Cleaner
from workflow_manager.commitments import routes as commitment_routes
from workflow_manager.dicom import routes as dicom_routes
from workflow_manager.dicom.node import DicomNode
from workflow_manager.dicomweb import (
    rendered_routes,
    retrieve_routes,
    search_routes,
    store_routes,
)
from workflow_manager.dicomweb.settling import open_desk
from workflow_manager.dispatch import routes as dispatch_routes
from workflow_manager.health import routes as health_routes
from workflow_manager.health.service import Health
from workflow_manager.imports import routes as imports_routes
from workflow_manager.imports import upload_routes
from workflow_manager.imports.desk import ImportDesk
from workflow_manager.job_sessions import data_routes as job_data_routes
from workflow_manager.job_sessions import routes as job_session_routes
from workflow_manager.job_sessions.tokens import finder
from workflow_manager.jobs import routes as jobs_routes
from workflow_manager.journal import routes as journal_routes
from workflow_manager.journal.follower import JournalFollower
from workflow_manager.journal.retention import pruning
from workflow_manager.journal.spans import SpanSink, span_follower
from workflow_manager.journal.tail import JournalTail
from workflow_manager.kept_aside import routes as kept_aside_routes
from workflow_manager.modules import persistence_routes
from workflow_manager.modules import routes as modules_routes
from workflow_manager.notes import Topic
from workflow_manager.notifications import routes as notification_routes
from workflow_manager.notifications.reactor import notification_follower
from workflow_manager.previews import routes as previews_routes
from workflow_manager.previews.desk import PreviewDesk
from workflow_manager.processing import routes as processing_routes
from workflow_manager.processing import session_routes as processing_session_routes
from workflow_manager.retrieval import routes as retrieval_routes
from workflow_manager.routing_rules import decision_routes, flow_routes, trial_routes
from workflow_manager.routing_rules import routes as rules_routes
from workflow_manager.runs import routes as runs_routes
from workflow_manager.runs import session_routes as runs_session_routes
from workflow_manager.runs.keeper import RunKeeper
from workflow_manager.runs.reactor import run_follower
from workflow_manager.runs.steps import RunSteps
from workflow_manager.selftest import routes as selftest_routes
from workflow_manager.selftest.runner import SelfTests
from workflow_manager.settings import WorkflowManagerSettings
from workflow_manager.settings_history import routes as settings_routes
from workflow_manager.settings_history.service import note_settings
from workflow_manager.sweeping import sweeps
from workflow_manager.targets import history_routes as target_history_routes
from workflow_manager.targets import routes as targets_routes
from workflow_manager.triggers import routes as triggers_routes
from workflow_manager.wiring import Wiring
from workflow_manager.workers import routes as workers_routes

PREFIX = "/api/v1/workflowmanager"
_ROUTES = (
    triggers_routes,
    jobs_routes,
    job_session_routes,
    job_data_routes,
    runs_routes,
    all_runs_routes,
    runs_session_routes,
    previews_routes,
    dicom_routes,
    kept_aside_routes,
    annotation_routes,
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
    flow_routes,
    decision_routes,
    cases_routes,
    cleaner_routes,
    selftest_routes,
    journal_routes,
    bookkeeper_query_routes,
    notification_routes,
    workers_routes,
    backup_routes,
    health_routes,
    settings_routes,
)


def create_app(
    settings: WorkflowManagerSettings,
    *,
    exam_manager: httpx.AsyncClient,
    device_manager: httpx.AsyncClient,
    verifier: TokenVerifier,
    token_source: TokenSource | None = None,
    follow_revocations: bool = True,
    backups: BackupPlace | None = None,
    beside: dict[str, BaseSettings] | None = None,
    spans: SpanSink | None = None,
) -> FastAPI:
    """Return the application; nothing is opened before its lifespan.

    Args:
        settings: What the installation decides.
        exam_manager: Client whose base URL (or transport) leads to exam-manager.
        device_manager: The same for device-manager.
        verifier: Verifies tokens; its revocation list is kept fresh here.
        token_source: Gives this service its own token.
        follow_revocations: Ask exam-manager for them, where `verifier` has not its own list.
        backups: Where backups are made by request; None: nowhere.
        beside: Settings of what else runs in this process, by name of its program.
        spans: Where the journal goes as traces; None: nowhere.
    """
    outside = Outside(settings, exam_manager, device_manager, token_source)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            wiring = await _open(app, stack, outside, backups)
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
    app.state.spans, app.state.settings_told = spans, {} if beside is None else beside
    app.state.settings_told["workflow-manager"] = settings
    return _with_routes(app, settings)


def _with_routes(app: FastAPI, settings: WorkflowManagerSettings) -> FastAPI:
    for routes in _ROUTES:
        app.include_router(routes.router)
    app.include_router(bookkeeper_routes.router, max_body_size=LARGEST_REPORT)
    app.include_router(upload_routes.router, max_body_size=settings.import_max_bytes)
    for uploads in (job_session_routes.upload_router, job_data_routes.upload_router):
        app.include_router(uploads, max_body_size=settings.job_file_max_bytes)
    app.include_router(store_routes.router, max_body_size=settings.dicomweb_max_request_bytes)
    return app


async def close_streams(app: FastAPI) -> None:
    """End the event streams now: a server that shuts down waits for open responses."""
    tail: JournalTail | None = getattr(app.state, "tail", None)
    if tail is not None:
        await tail.close_streams()


async def _open(
    app: FastAPI, stack: AsyncExitStack, outside: Outside, backups: BackupPlace | None
) -> Wiring:
    """Open what the service works with; the stack closes it in the opposite order."""
    wiring, do_run = await open_wiring(stack, outside, app, kind="server")
    app.state.sessions, app.state.tail, app.state.wiring = wiring.sessions, wiring.tail, wiring
    app.state.own_tokens = {TOKEN_PREFIX: finder(wiring.sessions)}
    app.state.previews = await _open_previews(stack, wiring)
    app.state.backups = BackupDesk(backups, wiring.sessions)
    stack.push_async_callback(app.state.backups.stop)
    await _start_work(app, stack, wiring, do_run)
    await note_settings(wiring, app.state.settings_told)
    return wiring


async def _open_previews(stack: AsyncExitStack, wiring: Wiring) -> PreviewDesk:
    previews = PreviewDesk(wiring)
    await previews.start()
    stack.push_async_callback(previews.stop)
    return previews


def _followers(app: FastAPI, wiring: Wiring) -> Iterator[JournalFollower]:
    yield run_follower(wiring)
    yield notification_follower(wiring)
    if app.state.spans is not None:
        yield span_follower(wiring.sessions, wiring.tail, app.state.spans)


async def _start_work(
    app: FastAPI, stack: AsyncExitStack, wiring: Wiring, do_run: RunSteps
) -> None:
    for follower in _followers(app, wiring):
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
    wiring.notes.on(Topic.RECEIVED, lambda _: keeper.association_ended())
    stack.push_async_callback(keeper.stop)
    node = DicomNode(
        wiring.settings,
        wiring.sessions,
        wiring.lake,
        answers=answers_of(wiring),
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
    lag = stack.enter_context(LoopLag())
    app.state.health = health = Health(wiring, node, cleaner, app.state.backups, lag)
    app.state.measure = health.measure
    for desk in (*desks_of(wiring), ImportDesk(wiring), RunKeeper(wiring, do_run)):
        desk.start()
        stack.push_async_callback(desk.stop)
