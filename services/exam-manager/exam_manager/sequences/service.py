"""Sequences: the file in the lake, what it says in the row."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from exam_manager.database import emit
from exam_manager.lake_sweep import mark_key
from exam_manager.sequences import lineages, rules
from exam_manager.sequences.models import Sequence
from exam_manager.sequences.mrd_header import check_mrd_header
from exam_manager.sequences.reader import SequenceReader
from exam_manager.tasks.models import Task
from exam_manager.tasks.rules import check_claim
from scanhub_libraries.database import Sessions, reading
from scanhub_libraries.errors import ForbiddenError, NotFoundError
from scanhub_libraries.events import EventType
from scanhub_libraries.ids import new_id
from scanhub_libraries.lake import Lake
from scanhub_libraries.models import BaseMRISequence, MRISequenceCreated, MRISequenceOut
from scanhub_libraries.security.principal import Principal, PrincipalKind
from scanhub_libraries.versions import check_version

_MOST_NAMED = 100


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
    version_of: str | None,
    now: datetime,
    sequence_id: str | None = None,
) -> MRISequenceCreated:
    """Store a sequence that can be read: first its files, then the row.

    Its id is a new one, unless it has one already.

    The session is not used, so holds no connection, before the files are stored. A mark lies beside
    them until the row is committed (then the caller removes it): if the process ends in between,
    the sweep of the lake knows what may go.
    """
    rules.check_size(len(seq_file.data), "seq_file")
    text = await asyncio.to_thread(rules.decode, seq_file.data, "seq_file")
    header = await _checked_header(xml_file)
    facts = await read_sequence(seq_file.data)
    sequence_id = sequence_id or str(new_id())
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
        search_text=rules.search_text(body),
    )
    try:
        await _store(lake, row, seq_file, xml_file)
        same = await _same_content(session, row.sha256)
        await lineages.add(session, row, version_of)
    except BaseException:
        await _remove(lake, row)
        raise
    _emit(session, EventType.SEQUENCE_CREATED, row)
    return MRISequenceCreated.model_validate(
        {**_document(row, text, header), "same_content_as": same}
    )


async def _store(
    lake: Lake, row: Sequence, seq_file: UploadedFile, xml_file: UploadedFile | None
) -> None:
    """Bring the files into the lake, after the mark that says that they come."""
    await lake.put(mark_key(row.id), b"")
    row.sha256 = await lake.put(seq_key(row), seq_file.data)
    if xml_file is not None:
        await lake.put(_header_key(row), xml_file.data)


async def _checked_header(xml_file: UploadedFile | None) -> str | None:
    if xml_file is None:
        return None
    rules.check_size(len(xml_file.data), "xml_file")
    header = await asyncio.to_thread(rules.decode, xml_file.data, "xml_file")
    await asyncio.to_thread(check_mrd_header, xml_file.data, "xml_file")
    return header


async def _same_content(session: AsyncSession, sha256: str) -> list[str]:
    query = sa.select(col(Sequence.id)).where(col(Sequence.sha256) == sha256)
    found = await session.scalars(query.order_by(col(Sequence.id).desc()).limit(_MOST_NAMED))
    return list(found)


async def _remove(lake: Lake, row: Sequence) -> None:
    for key in (*file_keys(row), mark_key(row.id)):
        await lake.delete(key)


def seq_key(row: Sequence | MRISequenceOut) -> str:
    """Return where the Pulseq file lies in the lake."""
    return f"sequences/{row.id}{row.seq_file_extension}"


def plot_key(row: Sequence | MRISequenceOut) -> str:
    """Return where what is plotted lies in the lake, once it is computed."""
    return f"sequences/{row.id}.plot.bin"


def _header_key(row: Sequence) -> str:
    return f"sequences/{row.id}.header{row.xml_file_extension}"


def file_keys(row: Sequence) -> list[str]:
    """Return where files of a sequence lie, or may lie; all begin with its id."""
    header = [_header_key(row)] if row.xml_file_extension else []
    return [seq_key(row), *header, plot_key(row), mark_key(row.id)]


def sequence_out(row: Sequence) -> MRISequenceOut:
    """Return a sequence as it is told in lists, without its files."""
    return MRISequenceOut.model_validate(_document(row))


def _document(row: Any, text: str = "", header: str | None = None) -> dict[str, Any]:
    document = {
        name: getattr(row, name) for name in MRISequenceOut.model_fields if hasattr(row, name)
    }
    return {**document, "seq_file": text, "xml_file": header}


async def get_sequence(
    session: AsyncSession, lake: Lake, sequence_id: str, *, principal: Principal
) -> MRISequenceOut:
    """Return a sequence with the text of its file; a task token gets that of its task alone."""
    row = await _find_readable(session, sequence_id, principal)
    return await _with_files(lake, row)


async def read_sequence(
    sessions: Sessions, lake: Lake, sequence_id: str, *, principal: Principal
) -> MRISequenceOut:
    """Return the same as `get_sequence`; no transaction is open while the files are read."""
    async with reading(sessions) as session:
        row = await _find_readable(session, sequence_id, principal)
    return await _with_files(lake, row)


async def _find_readable(session: AsyncSession, sequence_id: str, principal: Principal) -> Sequence:
    await _check_may_read(session, principal, sequence_id)
    return await find_sequence(session, sequence_id)


async def _with_files(lake: Lake, row: Sequence) -> MRISequenceOut:
    header = (await lake.read(_header_key(row))).decode() if row.xml_file_extension else None
    text = await lake.read(seq_key(row))
    document = _document(row, await asyncio.to_thread(text.decode), header)
    return MRISequenceOut.model_validate(document)


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
    row = await find_sequence(session, sequence_id)
    said = name or f"{row.name}{row.seq_file_extension}"
    return lake.path(seq_key(row)), rules.download_name(said)


async def find_header(
    session: AsyncSession, lake: Lake, sequence_id: str, name: str | None
) -> tuple[Path, str]:
    """Return the path of a sequence's MRD header and the name to save it under."""
    row = await find_sequence(session, sequence_id)
    if row.xml_file_extension is None:
        raise NotFoundError("No MRD header available")
    said = name or f"{row.name}{row.xml_file_extension}"
    return lake.path(_header_key(row)), rules.download_name(said)


async def update_sequence(
    session: AsyncSession,
    sequence_id: str,
    body: BaseMRISequence,
    *,
    if_match: str | None,
    now: datetime,
) -> MRISequenceOut:
    """Replace what a person says of a sequence; the file stays."""
    row = await find_sequence(session, sequence_id, lock=True)
    check_version(if_match, row.version)
    row.sqlmodel_update({**body.model_dump(), "updated_at": now})
    row.search_text = rules.search_text(body)
    row.version += 1
    _emit(session, EventType.SEQUENCE_UPDATED, row)
    await session.flush()
    return sequence_out(row)


async def delete_sequence(session: AsyncSession, sequence_id: str) -> list[str]:
    """Delete a sequence that no task uses; return the files to remove once that is committed."""
    row = await find_sequence(session, sequence_id, lock=True)
    query = sa.select(col(Task.id)).where(col(Task.sequence_id) == sequence_id)
    rules.check_unused((await session.scalars(query.order_by(col(Task.id)))).all())
    await session.delete(row)
    _emit(session, EventType.SEQUENCE_DELETED, row)
    return file_keys(row)


async def find_sequence(session: AsyncSession, sequence_id: str, *, lock: bool = False) -> Sequence:
    """Return a stored sequence.

    Raises:
        NotFoundError: There is none.
    """
    row = await session.get(Sequence, sequence_id, with_for_update=lock)
    if row is None:
        raise NotFoundError(f"There is no sequence {sequence_id}.")
    return row


def _emit(session: AsyncSession, event_type: EventType, row: Sequence) -> None:
    emit(session, event_type, row.id, {"sequence_id": row.id, "name": row.name})
