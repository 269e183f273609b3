"""workflow-manager as an application, with the real exam-manager beside it."""

import asyncio
import dataclasses
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet
from effort import IN_CI
from fastapi import FastAPI
from nursery import start_nursery

from scanhub_libraries.clients import ServiceTokenSource
from scanhub_libraries.database import Sessions, create_engine, create_sessions, sqlite_url
from scanhub_libraries.models import ServiceCredentials, UserRole
from scanhub_libraries.security.tokens import SigningKeys, TokenSigner, TokenVerifier
from workflow_manager.engine.dbos_engine import DbosEngine
from workflow_manager.jobs.built_in import BUILT_IN
from workflow_manager.main import create_app
from workflow_manager.settings import WorkflowManagerSettings

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "scanhub_jobs"))

from clinic import SECRET, QuietClinic, build_exam_manager
from wire import Wire
from workflow_service import Service, SlowJob

SECRETS_KEY = Fernet.generate_key().decode()


@pytest.fixture
def migrated_url(copied_url: Callable[[str], str]) -> str:
    """The URL of a database with tables and no rows; a test that takes it runs on both."""
    return copied_url("workflow_manager")


@pytest.fixture
async def sessions(migrated_url: str) -> AsyncIterator[Sessions]:
    """The same, open."""
    engine = create_engine(migrated_url)
    yield create_sessions(engine)
    await engine.dispose()


@pytest.fixture
def exam_manager(
    tmp_path: Path, keys: SigningKeys, empty_file: Callable[[str], Path]
) -> Callable[..., FastAPI]:
    """Return what builds exam-manager."""
    shutil.copyfile(empty_file("exam_manager"), tmp_path / "exam.sqlite")
    return partial(build_exam_manager, tmp_path, keys)


@pytest.fixture
async def clinic(
    tmp_path: Path,
    keys: SigningKeys,
    headers_of: Callable[..., dict[str, str]],
    exam_manager: Callable[..., FastAPI],
) -> AsyncIterator[QuietClinic]:
    app = exam_manager()
    clinic = QuietClinic(app, headers_of(UserRole.ADMIN), keys, tmp_path / "lake")
    async with clinic.client, app.router.lifespan_context(app):
        await clinic.plan()
        yield clinic


@pytest.fixture
def wire(clinic: QuietClinic) -> Wire:
    """The way from workflow-manager to exam-manager."""
    return Wire(clinic.app)


@pytest.fixture(scope="session")
def empty_engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file of the run engine to copy: with tables, without runs."""
    path = tmp_path_factory.mktemp("engine") / "engine.sqlite"

    async def launch() -> None:
        engine = DbosEngine(f"sqlite:///{path}", executor_id="none", bodies={}, queues={})
        await engine.launch()
        await engine.close()

    with ThreadPoolExecutor(1) as thread:  # this one may have a loop that runs
        thread.submit(asyncio.run, launch()).result()
    return path


@pytest.fixture(scope="session")
def nursery() -> None:
    """What jobs begin in is there before a test waits for one."""
    if not IN_CI:
        start_nursery()


@pytest.fixture
def make_settings(
    tmp_path: Path, empty_file: Callable[[str], Path], empty_engine: Path, nursery: None
) -> Callable[..., WorkflowManagerSettings]:
    shutil.copyfile(empty_file("workflow_manager"), tmp_path / "workflow.sqlite")
    shutil.copyfile(empty_engine, tmp_path / "engine.sqlite")

    def make(**changes: Any) -> WorkflowManagerSettings:
        values = {
            "database_url": sqlite_url(tmp_path / "workflow.sqlite"),
            "engine_database_url": f"sqlite:///{tmp_path / 'engine.sqlite'}",
            "lake_root": tmp_path / "lake",
            "dispatch_backoff_s": (0.5, 0.5, 0.5),
            "connect_timeout_s": 2.0,
            "secrets_key": SECRETS_KEY,
            "dicom_timeout_s": 5.0,
            "dicom_listeners": 1,
            "module_runtime": "none",
            "module_writes": (tmp_path,),
            **changes,
        }
        return WorkflowManagerSettings(**values)

    return make


@pytest.fixture
def serving(
    wire: Wire,
    keys: SigningKeys,
    signer: TokenSigner,
    headers_of: Callable[..., dict[str, str]],
    make_settings: Callable[..., WorkflowManagerSettings],
) -> Any:
    """Return a context manager that runs the service; keyword arguments change its settings."""

    @asynccontextmanager
    async def serve(**changes: Any) -> AsyncIterator[Service]:
        exam = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=wire), base_url="http://exam-manager"
        )
        credentials = ServiceCredentials(service="workflow-manager", secret=SECRET)
        device = httpx.AsyncClient(base_url="http://127.0.0.1:9")
        app = create_app(
            make_settings(**changes),
            exam_manager=exam,
            device_manager=device,
            verifier=TokenVerifier(keys.public_pem),
            token_source=ServiceTokenSource(exam, credentials),
        )
        transport = httpx.ASGITransport(app=app)
        user = httpx.AsyncClient(
            transport=transport, base_url="http://test", headers=headers_of(UserRole.ADMIN)
        )
        token = signer.service_token("exam-manager")
        peer = httpx.AsyncClient(
            transport=transport,
            base_url="http://test",
            headers={"Authorization": f"Bearer {token}"},
        )
        async with exam, device, user, peer, app.router.lifespan_context(app):
            yield Service(app, user, peer)

    return serve


@pytest.fixture
async def service(serving: Any) -> AsyncIterator[Service]:
    async with serving() as running:
        yield running


SLOW_JOB = """
import os, pathlib, sys, time
from scanhub_jobs.reconstruction import main
folder = pathlib.Path({folder!r})
(folder / "pid").write_text(str(os.getpid()))
while not (folder / "hurry").exists():
    time.sleep(0.02)
raise SystemExit(main())
"""
CRASHING_JOB = """
import sys
sys.stderr.write("noise\\nthe scanner ate my homework\\n")
sys.exit(3)
"""


def _install_job(monkeypatch: pytest.MonkeyPatch, folder: Path, name: str, source: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    for job_id in ("reconstruction", "cartesian_reconstruction"):
        job = dataclasses.replace(BUILT_IN[job_id], module=name)
        monkeypatch.setitem(BUILT_IN, job_id, job)


@pytest.fixture
def slow_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SlowJob:
    folder = tmp_path / "jobs"
    _install_job(monkeypatch, folder, "slow_job_for_test", SLOW_JOB.format(folder=str(folder)))
    return SlowJob(folder)


@pytest.fixture
def crashing_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install_job(monkeypatch, tmp_path / "jobs", "crashing_job_for_test", CRASHING_JOB)
