"""Reading the audit trail. Nothing here or elsewhere changes an entry."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from exam_manager.audit.disclosures import Disclosure
from exam_manager.audit.models import AuditEntry
from exam_manager.audit.rules import csv_line
from exam_manager.exams.models import Exam
from exam_manager.patients.models import Patient
from scanhub_libraries.database import Sessions, reading
from scanhub_libraries.errors import NotFoundError
from scanhub_libraries.events import EventType
from scanhub_libraries.models import AuditEntryOut

USUAL: Final = 200
"""Entries on a page, if nothing else is asked for."""
_BATCH: Final = 1000
_COLUMNS: Final = tuple(AuditEntryOut.model_fields)
_CLOCKS_DIFFER: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which entries are asked for."""

    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    exam_id: UUID | None = None
    patient_id: UUID | None = None
    newest_first: bool = True

    def disclosure(self) -> Disclosure:
        """Return that these entries are exported: from when to when, and chosen by what."""
        asked = {"actor": self.actor, "action": self.action, "subject": self.subject}
        times = {"from": self.since, "to": self.until}
        data = {
            **{name: moment.isoformat() for name, moment in times.items() if moment},
            "filters": [name for name, value in asked.items() if value is not None] or None,
        }
        return Disclosure(EventType.AUDIT_EXPORTED, "audit-trail", data)

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """Return what an entry must be."""
        wanted = {
            AuditEntry.actor: self.actor,
            AuditEntry.action: self.action,
            AuditEntry.subject_id: self.subject,
            AuditEntry.exam_id: self.exam_id,
            AuditEntry.patient_id: self.patient_id,
        }
        found = [col(column) == value for column, value in wanted.items() if value is not None]
        # The ids sort by time: with them the database need not look at what is far off.
        if self.since is not None:
            found.append(col(AuditEntry.time) >= self.since)
            found.append(col(AuditEntry.id) >= _first_id(self.since - _CLOCKS_DIFFER))
        if self.until is not None:
            found.append(col(AuditEntry.time) < self.until)
            found.append(col(AuditEntry.id) < _first_id(self.until + _CLOCKS_DIFFER))
        return found


def _first_id(moment: datetime) -> UUID:
    """Return the smallest UUIDv7 of a moment."""
    return UUID(int=max(0, int(moment.timestamp() * 1000)) << 80)


async def read_entries(
    session: AsyncSession, query: AuditQuery, *, after: UUID | None, fetch: int | None
) -> list[AuditEntryOut]:
    """Return entries in their order: one statement."""
    identifier = col(AuditEntry.id)
    conditions = query.conditions()
    if after is not None:
        conditions.append(identifier < after if query.newest_first else identifier > after)
    rows = await session.scalars(
        sa.select(AuditEntry)
        .where(*conditions)
        .order_by(identifier.desc() if query.newest_first else identifier)
        .limit(fetch)
    )
    return [AuditEntryOut.model_validate(row) for row in rows]


async def read_timeline(
    session: AsyncSession, query: AuditQuery, *, after: UUID | None, fetch: int | None
) -> list[AuditEntryOut]:
    """Return what happened to an exam or a patient, also after it was deleted.

    Raises:
        NotFoundError: There is no such exam or patient, and never was.
    """
    found = await read_entries(session, query, after=after, fetch=fetch)
    if not found and after is None:
        await _check_exists(session, query)
    return found


async def _check_exists(session: AsyncSession, query: AuditQuery) -> None:
    if query.exam_id is not None and await session.get(Exam, query.exam_id) is None:
        raise NotFoundError(f"There is no exam {query.exam_id}, and no trace of one.")
    if query.patient_id is not None and await session.get(Patient, query.patient_id) is None:
        raise NotFoundError(f"There is no patient {query.patient_id}, and no trace of one.")


async def write_csv(sessions: Sessions, query: AuditQuery) -> AsyncIterator[str]:
    """Yield a CSV file of entries."""
    yield csv_line(_COLUMNS)
    async for entries in _batches(sessions, query):
        yield "".join(map(_line, entries))


async def write_json_lines(sessions: Sessions, query: AuditQuery) -> AsyncIterator[str]:
    """Yield a file with the JSON document of one entry on each line."""
    async for entries in _batches(sessions, query):
        yield "".join(f"{entry.model_dump_json()}\n" for entry in entries)


async def _batches(sessions: Sessions, query: AuditQuery) -> AsyncIterator[list[AuditEntryOut]]:
    """Yield all entries in their order, one transaction for each thousand of them."""
    after: UUID | None = None
    while True:
        async with reading(sessions) as session:
            entries = await read_entries(session, query, after=after, fetch=_BATCH)
        yield entries
        if len(entries) < _BATCH:
            return
        after = entries[-1].id


def _line(entry: AuditEntryOut) -> str:
    document: dict[str, Any] = entry.model_dump(mode="json")
    cells: Sequence[object] = [
        _json(value) if isinstance(value, dict) else value for value in document.values()
    ]
    return csv_line(cells)


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
