"""Fills the database of workflow-manager as some years of routing would, without files.

For each series of the index: its events, what was decided, its case, what was sent and which
images the target took. One of a hundred could not be sent, and one of ten goes nowhere.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.dicomweb_fill import INSTANCES, fill_index
from bench.scale_copies import BASE, copy
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import create_engine
from scanhub_libraries.events import EventType
from scanhub_libraries.ids import new_id
from workflow_manager.cases.rules import CaseKind, CaseState
from workflow_manager.database import Table
from workflow_manager.dispatch.rules import DispatchStatus
from workflow_manager.main import create_app

__all__ = ["LARGE", "RULES", "TARGETS", "create_app", "fill", "one_by_one", "one_case"]
LARGE: Final = 1_000_000
"""The most images that are written one by one."""
TARGETS: Final = ("archive", "research")
RULES: Final = ("to the archive", "to research")
_AT_ONCE = 2000
_SECONDS_APART = 60.0
"""Between two series."""
_FAILED_EACH, _DISCARDED_EACH, _RESEARCH_EACH = 100, 10, 20
Rows = dict[str, list[dict[str, Any]]]


def one_by_one(images: int) -> int:
    """Return how many of so many images are written one by one; the rest are copies of them."""
    return images if images <= LARGE else BASE


async def fill(url: str, images: int) -> None:
    """Fill a database that no server uses.

    Args:
        url: Of workflow-manager; its tables are made.
        images: How many are in the index; more than `LARGE` with PostgreSQL alone.
    """
    await fill_index(url, one_by_one(images))
    engine = create_engine(url)
    try:
        await _write_histories(engine, one_by_one(images) // INSTANCES)
        if images > LARGE:
            await copy(engine, images)
        await _count(engine)
    finally:
        await engine.dispose()


async def _write_histories(engine: AsyncEngine, count: int) -> None:
    """Write what became of so many series."""
    tables = Table.metadata.tables
    began = utc_now() - timedelta(seconds=count * _SECONDS_APART)
    number = 0
    async for some in _pages(engine):
        rows: Rows = {}
        for one in some:
            at = began + timedelta(seconds=number * _SECONDS_APART)
            for table, values in _history(number, one, at):
                rows.setdefault(table, []).append(values)
            number += 1
        async with engine.begin() as connection:
            for table, several in rows.items():
                await connection.execute(tables[table].insert(), several)


async def one_case(url: str) -> UUID:
    """Return a case in the middle."""
    engine, table = create_engine(url), Table.metadata.tables["image_case"]
    try:
        async with engine.connect() as connection:
            count = await connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
            middle = sa.select(table.c.id).order_by(table.c.id).offset(count // 2).limit(1)
            found: UUID = (await connection.execute(middle)).scalar_one()
            return found
    finally:
        await engine.dispose()


async def _count(engine: AsyncEngine) -> None:
    """Let the database count its tables: PostgreSQL does so by itself, a minute later."""
    if engine.dialect.name != "postgresql":
        return
    async with engine.connect() as connection:
        plain = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await plain.execute(sa.text("VACUUM ANALYZE"))


async def _pages(engine: AsyncEngine) -> AsyncIterator[Sequence[Any]]:
    """Yield the series in the order in which they came."""
    table = Table.metadata.tables["dicom_series"]
    columns = (table.c.id, table.c.series_instance_uid, table.c.study_instance_uid)
    last: UUID | None = None
    while True:
        query = sa.select(*columns).order_by(table.c.id).limit(_AT_ONCE)
        if last is not None:
            query = query.where(table.c.id > last)
        async with engine.connect() as connection:
            rows = (await connection.execute(query)).all()
        if not rows:
            return
        yield rows
        last = rows[-1].id
        await asyncio.sleep(0)


def _history(number: int, series: Any, at: datetime) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield all rows of a series: table and values, what is referred to first."""
    case_id, decision_id, dispatch_id = new_id(), new_id(), new_id()
    research = number % _RESEARCH_EACH == 0
    place = int(research)
    discarded = number % _DISCARDED_EACH == 1
    failed = number % _FAILED_EACH == 0
    targets = [] if discarded else [TARGETS[place]]
    state = CaseState.DISCARDED if discarded else CaseState.FAILED if failed else CaseState.DONE
    yield "series_decision", _decision(decision_id, series, targets, at)
    yield (
        "image_case",
        _case(case_id, series, at)
        | {
            "rule": "" if discarded else RULES[place],
            "action": "none" if discarded else "route",
            "targets": targets,
            "state": state,
            "reason": "No rule fired." if discarded else "",
        },
    )
    yield (
        "image_case_series",
        {
            "case_id": case_id,
            "series_id": series.id,
            "series_instance_uid": series.series_instance_uid,
            "instances": INSTANCES,
            "decision_id": decision_id,
        },
    )
    yield from _events(series, case_id, at, sent=not (discarded or failed))
    if not discarded:
        yield "dispatch", _dispatch(dispatch_id, series, case_id, targets[0], at, failed=failed)
        yield "image_case_dispatch", {"case_id": case_id, "dispatch_id": dispatch_id}
        if not failed:
            yield from _taken(dispatch_id, series)


def _case(case_id: UUID, series: Any, at: datetime) -> dict[str, Any]:
    return {
        "id": case_id,
        "kind": CaseKind.SERIES,
        "subject": str(series.id),
        "number": 1,
        "options": {},
        "priority": "normal",
        "study_instance_uid": series.study_instance_uid,
        "opened_at": at,
        "last_received_at": at,
        "complete_at": at,
        "ended_at": at + timedelta(seconds=2),
        "notification_details": "",
        "notification_requested": False,
    }


def _decision(decision_id: UUID, series: Any, targets: list[str], at: datetime) -> dict[str, Any]:
    return {
        "id": decision_id,
        "series_id": series.id,
        "number": 1,
        "discarded": False,
        "reason": "One rule fired." if targets else "No rule fired.",
        "rule_versions": {},
        "targets": targets,
        "decided_at": at,
    }


def _dispatch(
    dispatch_id: UUID, series: Any, case_id: UUID, target: str, at: datetime, *, failed: bool
) -> dict[str, Any]:
    return {
        "id": dispatch_id,
        "target": target,
        "series_id": series.id,
        "series_instance_uid": series.series_instance_uid,
        "study_instance_uid": series.study_instance_uid,
        "case_id": case_id,
        "priority": "normal",
        "status": DispatchStatus.FAILED if failed else DispatchStatus.SENT,
        "instances": INSTANCES,
        "sent": 0 if failed else INSTANCES,
        "stored": 0,
        "failures": {},
        "attempt": 1,
        "error": "The node did not answer." if failed else None,
        "created_at": at,
        "ended_at": at + timedelta(seconds=1),
    }


def _taken(dispatch_id: UUID, series: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for number in range(1, INSTANCES + 1):
        yield (
            "dispatched_instance",
            {
                "dispatch_id": dispatch_id,
                "sop_instance_uid": f"{series.series_instance_uid}.{number}",
                "attempt": 1,
                "confirmed": True,
                "transfer_syntax_uid": "",
            },
        )


def _events(
    series: Any, case_id: UUID, at: datetime, *, sent: bool
) -> Iterator[tuple[str, dict[str, Any]]]:
    uid = series.series_instance_uid
    of_case = (EventType.CASE_OPENED, EventType.CASE_DONE if sent else EventType.CASE_FAILED)
    subjects = [
        *((event, uid) for event in (EventType.SERIES_RECEIVED, EventType.SERIES_COMPLETE)),
        *((event, str(case_id)) for event in of_case),
    ]
    for step, (event, subject) in enumerate(subjects):
        known = subject == str(case_id)
        yield (
            "journal_event",
            {
                "id": new_id(),
                "type": str(event),
                "source": "workflow-manager",
                "subject": subject,
                "case_id": case_id if known else None,
                "time": at + timedelta(seconds=step / 2),
                "data": {"series_instance_uid": uid} | ({"case_id": str(case_id)} if known else {}),
            },
        )
