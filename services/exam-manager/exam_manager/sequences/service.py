"""Sequences: the file in the lake, what it says in the row."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from exam_manager.database import emit
from exam_manager.sequences import rules
from exam_manager.sequences.models import Sequence
from exam_manager.sequences.reader import SequenceReader
from exam_manager.tasks.models import Task
from exam_manager.tasks.rules import check_claim
from scanhub_libraries.errors import ForbiddenError, NotFoundError
from scanhub_libraries.events import EventType
from scanhub_libraries.ids import new_id
from scanhub_libraries.lake import Lake
from scanhub_libraries.models import BaseMRISequence, MRISequenceOut
from scanhub_libraries.security.principal import Principal, PrincipalKind


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file as it came."""

    name: str | None
    data: bytes


async def create_sequence(
    session: AsyncSession,
    lake: Lake,
    read_sequence: SequenceReader,
    body: BaseMRISequence,
    *,
    seq_file: UploadedFile,
    xml_file: UploadedFile | None,
    now: datetime,
) -> MRISequenceOut:
    """Store a sequence that can be read. No transaction is open while it is read."""
    rules.check_size(len(seq_file.data), "seq_file")
    text = rules.decode(seq_file.data, "seq_file")
    header = None
    if xml_file is not None:
        rules.check_size(len(xml_file.data), "xml_file")
        header = rules.decode(xml_file.data, "xml_file")
    facts = await read_sequence(seq_file.data)
    sequence_id = str(new_id())
    row = Sequence(
        **body.model_dump(),
        id=sequence_id,
        lineage_id=sequence_id,
        seq_file_extension=rules.suffix_of(seq_file.name, ".seq"),
        xml_file_extension=rules.suffix_of(xml_file.name, ".xml") if xml_file else None,
        sha256="",
        size_bytes=len(seq_file.data),
        facts=facts.model_dump(mode="json"),
        created_at=now,
    )
    row.sha256 = await lake.put(_seq_key(row), seq_file.data)
    if xml_file is not None:
        await lake.put(_header_key(row), xml_file.data)
    session.add(row)
    _emit(session, EventType.SEQUENCE_CREATED, row)
    await session.flush()
    return _out(row, text, header)


def _seq_key(row: Sequence) -> str:
    return f"sequences/{row.id}{row.seq_file_extension}"


def _header_key(row: Sequence) -> str:
    return f"sequences/{row.id}.header{row.xml_file_extension}"


def _out(row: Any, text: str = "", header: str | None = None) -> MRISequenceOut:
    document = {
        name: getattr(row, name) for name in MRISequenceOut.model_fields if hasattr(row, name)
    }
    return MRISequenceOut.model_validate({**document, "seq_file": text, "xml_file": header})


async def list_sequences(session: AsyncSession) -> list[MRISequenceOut]:
    """Return all sequences by name, without their files."""
    rows = await session.scalars(sa.select(Sequence).order_by(col(Sequence.name), col(Sequence.id)))
    return [_out(row) for row in rows]


async def get_sequence(
    session: AsyncSession, lake: Lake, sequence_id: str, *, principal: Principal
) -> MRISequenceOut:
    """Return a sequence with the text of its file; a task token gets that of its task alone."""
    await _check_may_read(session, principal, sequence_id)
    row = await _get(session, sequence_id)
    header = (await lake.read(_header_key(row))).decode() if row.xml_file_extension else None
    return _out(row, (await lake.read(_seq_key(row))).decode(), header)


async def _check_may_read(session: AsyncSession, principal: Principal, sequence_id: str) -> None:
    if principal.kind not in {PrincipalKind.TASK, PrincipalKind.JOB}:
        return
    task = await session.get(Task, principal.task_id)
    if task is None or task.sequence_id != sequence_id:
        raise ForbiddenError("This token speaks for a task that does not use the sequence.")
    check_claim(task.claim_id, principal.claim_id, active=task.claim_active)


async def find_file(
    session: AsyncSession, lake: Lake, sequence_id: str, name: str | None
) -> tuple[Path, str]:
    """Return the path of a sequence's file and the name to save it under."""
    row = await _get(session, sequence_id)
    return lake.path(_seq_key(row)), name or f"{row.name}{row.seq_file_extension}"


async def find_header(
    session: AsyncSession, lake: Lake, sequence_id: str, name: str | None
) -> tuple[Path, str]:
    """Return the path of a sequence's MRD header and the name to save it under."""
    row = await _get(session, sequence_id)
    if row.xml_file_extension is None:
        raise NotFoundError("No MRD header available")
    return lake.path(_header_key(row)), name or f"{row.name}{row.xml_file_extension}"


async def update_sequence(
    session: AsyncSession, sequence_id: str, body: BaseMRISequence, *, now: datetime
) -> MRISequenceOut:
    """Replace what a person says of a sequence; the file stays."""
    row = await _get(session, sequence_id)
    row.sqlmodel_update({**body.model_dump(), "updated_at": now})
    _emit(session, EventType.SEQUENCE_UPDATED, row)
    await session.flush()
    return _out(row)


async def delete_sequence(session: AsyncSession, sequence_id: str) -> list[str]:
    """Delete a sequence that no task uses; return the files to remove once that is committed."""
    row = await _get(session, sequence_id)
    query = sa.select(col(Task.id)).where(col(Task.sequence_id) == sequence_id)
    rules.check_unused((await session.scalars(query.order_by(col(Task.id)))).all())
    await session.delete(row)
    _emit(session, EventType.SEQUENCE_DELETED, row)
    return [_seq_key(row), *([_header_key(row)] if row.xml_file_extension else [])]


async def _get(session: AsyncSession, sequence_id: str) -> Sequence:
    row = await session.get(Sequence, sequence_id)
    if row is None:
        raise NotFoundError(f"There is no sequence {sequence_id}.")
    return row


def _emit(session: AsyncSession, event_type: EventType, row: Sequence) -> None:
    emit(session, event_type, row.id, {"sequence_id": row.id, "name": row.name})
