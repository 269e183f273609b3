"""The application of exam-manager."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Protocol

from fastapi import FastAPI

from exam_manager.audit.disclosures import Disclosures
from exam_manager.audit.recorder import record_changes
from exam_manager.audit.routes import router as audit
from exam_manager.database import OutboxEvent
from exam_manager.dependencies import Clock
from exam_manager.exams.example_routes import router as example_protocols
from exam_manager.exams.examples import Examples
from exam_manager.exams.protocol_export import MAX_BYTES as PROTOCOL_BYTES
from exam_manager.exams.protocol_routes import router as protocols
from exam_manager.exams.routes import router as exams
from exam_manager.exams.tree_cache import TreeCache
from exam_manager.lake_routes import router as lake
from exam_manager.lake_sweep import LakeSweep
from exam_manager.patients.routes import router as patients
from exam_manager.results.export_routes import dicom, xnat
from exam_manager.results.export_routes import results as exports
from exam_manager.results.mrd_reader import MRDReader
from exam_manager.results.mrd_routes import router as raw_data
from exam_manager.results.nifti import NiftiConverter
from exam_manager.results.routes import router as results
from exam_manager.results.scratch import Scratch
from exam_manager.sequences.plot.plotter import Plotter
from exam_manager.sequences.plot_routes import router as sequence_plots
from exam_manager.sequences.reader import ReaderProcess, SequenceReader
from exam_manager.sequences.refresh import SequenceRefresh
from exam_manager.sequences.routes import router as sequences
from exam_manager.settings import ExamManagerSettings
from exam_manager.tasks.job_check import CheckJob
from exam_manager.tasks.routes import router as tasks
from exam_manager.users.login_gate import LoginGate
from exam_manager.users.revocations import OwnRevocations
from exam_manager.users.routes import router as users
from exam_manager.workflows.routes import router as workflows
from scanhub_libraries.clients.base import RevocationFeed
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import create_engine, create_sessions
from scanhub_libraries.events import EventType
from scanhub_libraries.lake_bucket import open_lake
from scanhub_libraries.measures import measure_outbox
from scanhub_libraries.migrate import upgrade
from scanhub_libraries.outbox import Deliver, OutboxRelay
from scanhub_libraries.security.access import METRICS
from scanhub_libraries.security.shared_keys import SharedKey
from scanhub_libraries.security.tokens import (
    SigningKeys,
    TokenSigner,
    TokenVerifier,
    load_or_create_keys,
)
from scanhub_libraries.web import create_service_app

PREFIXES = ["/api/v1/exam", "/api/v1/patient", "/api/v1/userlogin"]
VERSION = "0.1.0"
_MIB = 2**20
_PATIENT = (EventType.RESULT_STORED,)
"""With the end of its task it is told at once; alone it is a further file, for which nobody waits.
"""
_ROUTERS = (
    (audit, _MIB),
    (lake, _MIB),
    (protocols, PROTOCOL_BYTES),
    (example_protocols, _MIB),
    (exams, _MIB),
    (users, _MIB),
    (patients, _MIB),
    (tasks, 32 * _MIB),  # a result may name 100,000 files
    (workflows, _MIB),
    (results, 32 * _MIB),
    (raw_data, _MIB),
    (exports, _MIB),
    (dicom, _MIB),
    (xnat, _MIB),
    (sequences, 96 * _MIB),
    (sequence_plots, _MIB),
)
"""Each with the bytes that a request may have. What is asked for most comes early: a request is
matched with one route after the other."""


def create_app(
    settings: ExamManagerSettings,
    *,
    deliver: Deliver | None = None,
    keys: SigningKeys | None = None,
    clock: Clock = utc_now,
    read_sequence: SequenceReader | None = None,
    examples: Examples | None = None,
    check_job: CheckJob | None = None,
) -> FastAPI:
    """Return the application.

    Args:
        settings: The settings.
        deliver: Brings events to the journal; without it they wait in the outbox.
        keys: The signing keys; without them those in the settings' folder.
        clock: What time it is.
        read_sequence: Reads Pulseq files; without it a process of its own does.
        examples: Ready protocols for a first scan.
        check_job: Knows what jobs take; without it parameters are checked when a task starts.
    """
    keys = keys or load_or_create_keys(settings.keys_folder)
    verifier = TokenVerifier(keys.public_pem, former=keys.former)

    app = create_service_app(
        title="exam-manager",
        version=VERSION,
        prefixes=PREFIXES,
        lifespan=lambda app: _opened(app, settings, verifier, deliver),
        verifier=verifier,
        malformed_path_status=400,
        shared_keys={METRICS: SharedKey(settings.metrics_key, "SCANHUB_EXAM_METRICS_KEY")},
    )
    app.state.settings = settings
    app.state.signer = TokenSigner(keys.private_pem)
    app.state.clock = clock
    app.state.examples = examples or {}
    app.state.check_job = check_job
    app.state.trees = TreeCache(settings.tree_cache_mib * _MIB)
    app.state.scratch = Scratch(settings.lake_root / "scratch")
    app.state.nifti = NiftiConverter(app.state.scratch)
    app.state.login_gate = LoginGate()
    app.state.read_sequence = read_sequence or ReaderProcess(settings.sequence_seconds)
    for router, max_body_size in _ROUTERS:
        app.include_router(router, max_body_size=max_body_size)
    return app


@asynccontextmanager
async def _opened(
    app: FastAPI,
    settings: ExamManagerSettings,
    verifier: TokenVerifier,
    deliver: Deliver | None,
) -> AsyncIterator[None]:
    """Open what the service works with, and close it at the end."""
    if settings.migrate:
        await asyncio.to_thread(upgrade, "exam_manager", settings.database_url)
    engine = create_engine(settings.database_url, connections=settings.database_connections)
    sessions = create_sessions(engine)
    record_changes(sessions)
    own_revocations = OwnRevocations(sessions)
    verifier.revocations.update(await own_revocations(0))
    app.state.sessions, app.state.measure = sessions, partial(measure_outbox, sessions, OutboxEvent)
    app.state.disclosures = Disclosures(sessions, app.state.clock)
    app.state.lake = open_lake(settings.lake_root, settings.lake_bucket)
    await asyncio.to_thread(app.state.scratch.clear)
    app.state.mrd_reader = MRDReader()
    app.state.plotter = Plotter(app.state.lake, settings.sequence_seconds)
    grace = timedelta(seconds=settings.lake_grace_seconds)
    app.state.lake_sweep = LakeSweep(sessions, app.state.lake, grace=grace, clock=app.state.clock)
    workers: list[_Worker] = [
        *([OutboxRelay(sessions, OutboxEvent, deliver, patient=_PATIENT)] if deliver else []),
        RevocationFeed(verifier.revocations, own_revocations, _feed_seconds(settings)),
        SequenceRefresh(sessions, app.state.lake, app.state.read_sequence),
        app.state.lake_sweep,
    ]
    for worker in workers:
        worker.start()
    app.state.started = True
    try:
        yield
    finally:
        app.state.started = False
        for worker in reversed(workers):
            await worker.stop()
        await app.state.plotter.stop()
        await asyncio.to_thread(app.state.mrd_reader.close)
        await asyncio.to_thread(app.state.scratch.close)
        await engine.dispose()


def _feed_seconds(settings: ExamManagerSettings) -> float:
    """Return how often this process reads what others revoked: what it revokes it knows at once.

    Beside it, a SQLite file has the command line only.
    """
    return 4.0 if settings.database_url.startswith("sqlite") else 2.0


class _Worker(Protocol):
    """Works in the background while the service runs."""

    def start(self) -> None:
        """Begin."""

    async def stop(self) -> None:
        """End."""
