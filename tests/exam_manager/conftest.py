"""The real application on a real database, and builders of what tests start from."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from exam_manager.database import OutboxEvent
from exam_manager.main import create_app
from exam_manager.sequences.pulseq import read_facts
from exam_manager.sequences.pulseq_file import PulseqTextError
from exam_manager.sequences.reader import unreadable
from exam_manager.settings import ExamManagerSettings
from scanhub_libraries.database import reading, sqlite_url
from scanhub_libraries.ids import new_id
from scanhub_libraries.models import SequenceFacts, UserRole

sys.path.insert(0, str(Path(__file__).parent))  # outside, exam_tree

EXAM, PATIENT, LOGIN = "/api/v1/exam", "/api/v1/patient", "/api/v1/userlogin"
PASSWORD = "correct horse battery"
DEVICE = "0190aaaa-0000-7000-8000-00000000d001"
Json = dict[str, Any]


@dataclass
class Platform:
    """A running exam-manager and a client of it."""

    app: FastAPI
    http: httpx.AsyncClient
    headers_of: Callable[..., dict[str, str]]
    signer: Any
    lake: Any

    def __post_init__(self):
        self.medical = self.headers_of(UserRole.MEDICAL)
        self.admin = self.headers_of(UserRole.ADMIN, "root")
        self.service = {"Authorization": f"Bearer {self.signer.service_token('device-manager')}"}

    async def call(self, method, path, *, expect=None, headers=None, **options):
        headers = self.medical if headers is None else headers
        response = await self.http.request(method, path, headers=headers, **options)
        if expect is not None:
            assert response.status_code == expect, response.text
        return response

    async def make(self, path, document, **options) -> Json:
        return (await self.call("POST", path, json=document, expect=201, **options)).json()

    async def patient(self, **changes) -> Json:
        return await self.make(f"{PATIENT}/", patient_in(**changes))

    async def exam(self, **changes) -> Json:
        if not changes.get("is_template") and "patient_id" not in changes:
            changes["patient_id"] = (await self.patient())["id"]
        return await self.make(f"{EXAM}/new", {"name": "Head", **changes})

    async def workflow(self, exam: Json | None = None, **changes) -> Json:
        if exam is not None:
            changes = {"exam_id": exam["id"], "is_template": exam["is_template"], **changes}
        return await self.make(f"{EXAM}/workflow/new", {"name": "Brain", **changes})

    async def acquisition(self, workflow: Json | None = None, **changes) -> Json:
        return await self.make(f"{EXAM}/task/new", acquisition_in(workflow, **changes))

    async def job(self, workflow: Json | None = None, **changes) -> Json:
        return await self.make(f"{EXAM}/task/new", job_in(workflow, **changes))

    async def scan(self) -> Json:
        """An acquisition of a new exam that can be claimed."""
        exam = await self.exam()
        return await self.acquisition(await self.workflow(exam))

    async def claim(self, task: Json, **changes) -> Json:
        body = {"claim_id": str(new_id()), "device_id": DEVICE, **changes}
        response = await self.call("POST", f"{EXAM}/task/{task['id']}/claim", json=body, expect=200)
        return response.json()

    async def events(self, kind: str | None = None) -> list[OutboxEvent]:
        async with reading(self.app.state.sessions) as session:
            rows = await session.scalars(sa.select(OutboxEvent).order_by(OutboxEvent.number))
            return [row for row in rows if kind is None or row.type == kind]


async def read_in_thread(data: bytes) -> SequenceFacts:
    """Read a Pulseq file without the seconds that starting a process takes."""
    try:
        return await asyncio.to_thread(read_facts, data)
    except PulseqTextError as error:
        raise unreadable(error.line, error.message, error.section, error.remedy) from error


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def patient_in(**changes) -> Json:
    return {
        "first_name": "Ada",
        "last_name": "Lovelace",
        "birth_date": "1985-12-10",
        "sex": "FEMALE",
        "height": 165.5,
        "weight": 61.9,
        "issuer": "clinic",
        **changes,
    }


def acquisition_in(workflow: Json | None = None, **changes) -> Json:
    if workflow is not None:
        place = {"workflow_id": workflow["id"], "is_template": workflow["is_template"]}
        changes = {**place, **changes}
    return {
        "task_type": "ACQUISITION",
        "name": "GRE",
        "destination": "",
        "calibration": ["frequency"],
        **changes,
    }


def job_in(workflow: Json | None = None, **changes) -> Json:
    if workflow is not None:
        place = {"workflow_id": workflow["id"], "is_template": workflow["is_template"]}
        changes = {**place, **changes}
    return {
        "task_type": "DAG",
        "name": "Reconstruction",
        "dag_type": "RECONSTRUCTION",
        "dag_id": "cartesian_reconstruction",
        **changes,
    }


@pytest.fixture(scope="session")
def empty_database(empty_file):
    """A migrated SQLite file to copy."""
    return empty_file("exam_manager")


@pytest.fixture
def start(tmp_path, keys, headers_of, signer):
    """Return a context manager that runs the application on a database."""

    @asynccontextmanager
    async def run(url: str, *, migrate: bool = True, **options) -> AsyncIterator[Platform]:
        secrets = {"device-manager": "device manager's secret"}
        settings = ExamManagerSettings(
            database_url=url,
            lake_root=tmp_path / "lake-root",
            keys_folder=tmp_path / "keys",
            service_secrets=secrets,
            migrate=migrate,
        )
        app = create_app(settings, keys=keys, **{"read_sequence": read_in_thread, **options})
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
                yield Platform(app, http, headers_of, signer, app.state.lake)

    return run


@pytest.fixture
def platform_at(headers_of, signer):
    """Return a function that makes the client of an application in another process."""

    def make(http: httpx.AsyncClient) -> Platform:
        return Platform(None, http, headers_of, signer, None)

    return make


@pytest.fixture
async def platform(start, empty_database, tmp_path):
    """The application on SQLite."""
    path = tmp_path / "exam.sqlite"
    await asyncio.to_thread(shutil.copyfile, empty_database, path)
    async with start(sqlite_url(path), migrate=False) as running:
        yield running


@pytest.fixture
def migrated_url(copied_url):
    """The URL of a database with tables and no rows; a test that takes it runs on both."""
    return copied_url("exam_manager")


@pytest.fixture
async def either(start, migrated_url):
    """The application on SQLite and on PostgreSQL: for what depends on the dialect."""
    async with start(migrated_url, migrate=False) as running:
        yield running
