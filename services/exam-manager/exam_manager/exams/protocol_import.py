"""Protocols from a file: everything is checked and read first, then written in one transaction."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from exam_manager.exams import protocols, service
from exam_manager.exams.models import Exam
from exam_manager.exams.protocol_checks import Fault, check_faults, file_faults, numbered
from exam_manager.sequences import rules as sequence_rules
from exam_manager.sequences import service as sequences
from exam_manager.sequences.models import Sequence as SequenceRow
from exam_manager.sequences.mrd_header import check_mrd_header
from exam_manager.sequences.reader import SequenceReader
from exam_manager.sequences.service import UploadedFile
from exam_manager.tasks.copying import Row, copied_tree
from exam_manager.tasks.service import plan_of
from exam_manager.workflows import service as workflows
from scanhub_libraries.database import Sessions, reading
from scanhub_libraries.errors import ScanHubError
from scanhub_libraries.events import EventType
from scanhub_libraries.ids import new_id
from scanhub_libraries.lake import Lake
from scanhub_libraries.models import (
    AcquisitionTaskFile,
    BaseAcquisitionTask,
    BaseDAGTask,
    BaseExam,
    BaseMRISequence,
    ImportedProtocol,
    ImportedProtocols,
    ImportedSequence,
    ProtocolFile,
    ProtocolsFile,
    SequenceFacts,
    SequenceFile,
    TaskFile,
    TaskType,
)


@dataclass(slots=True)
class CheckedFile:
    """A file that can be taken, with what is needed to write it without a pause."""

    file: ProtocolsFile
    facts: dict[str, SequenceFacts]
    """By checksum: of the sequences that are not here yet."""
    stored: dict[str, SequenceRow]
    """By checksum: the sequences that are here."""
    newest: dict[UUID, Exam]
    """The newest version of the protocols that are known here."""
    device_id: UUID | None = None
    """What all its scans are planned on; a file itself names no device of this installation."""


async def check_file(
    sessions: Sessions, read_sequence: SequenceReader, file: ProtocolsFile, *, as_versions: bool
) -> CheckedFile:
    """Check a file and read its sequences, while no transaction is open.

    Raises:
        UnprocessableError: With the place of everything that is wrong.
        ConflictError: A protocol that is to get a version has a draft.
    """
    check_faults(await asyncio.to_thread(file_faults, file))
    async with reading(sessions) as session:
        stored = await _stored(session, file)
        newest = {
            item.protocol_id: row
            for item in file.protocols
            if (row := await protocols.newest_version(session, item.protocol_id))
        }
    for row in newest.values():
        if as_versions:
            protocols.check_no_draft(row)
    facts: dict[str, SequenceFacts] = {}
    faults = []
    for number, sequence in enumerate(file.sequences):
        if sequence.sha256 in stored or sequence.sha256 in facts:
            continue
        try:
            facts[sequence.sha256] = await _read(read_sequence, sequence)
        except ScanHubError as error:
            field = error.extensions.get("field", "seq_file")
            faults.append(Fault(f"/body/sequences/{number}/{field}", error.detail))
    check_faults(faults)
    return CheckedFile(file, facts, stored, newest)


async def _stored(session: AsyncSession, file: ProtocolsFile) -> dict[str, SequenceRow]:
    sums = {item.sha256 for item in file.sequences}
    query = sa.select(SequenceRow).where(col(SequenceRow.sha256).in_(sums))
    rows = await session.scalars(query.order_by(col(SequenceRow.created_at).desc()))
    return {row.sha256: row for row in rows}


async def _read(read_sequence: SequenceReader, sequence: SequenceFile) -> SequenceFacts:
    data = sequence.seq_file.encode()
    sequence_rules.check_size(len(data), "seq_file")
    if sequence.xml_file is not None:
        await asyncio.to_thread(check_mrd_header, sequence.xml_file.encode(), "xml_file")
    return await read_sequence(data)


async def write_file(
    session: AsyncSession,
    lake: Lake,
    checked: CheckedFile,
    *,
    as_versions: bool,
    creator: str,
    now: datetime,
) -> ImportedProtocols:
    """Write a checked file: every protocol becomes a draft, all in one transaction."""
    ids = {checksum: row.id for checksum, row in checked.stored.items()}
    taken, refs = [], {}
    for item in checked.file.sequences:
        created = item.sha256 not in ids
        if created:
            ids[item.sha256] = await _create_sequence(session, lake, checked, item, now=now)
        refs[item.ref] = ids[item.sha256]
        stored = checked.stored.get(item.sha256)
        notes = await _differences(session, lake, item, stored) if stored else []
        taken.append(
            ImportedSequence(ref=item.ref, sequence_id=refs[item.ref], created=created, notes=notes)
        )
    made = [
        await _create(
            session,
            item,
            checked.newest.get(item.protocol_id),
            refs,
            device_id=checked.device_id,
            as_versions=as_versions,
            creator=creator,
            now=now,
        )
        for item in checked.file.protocols
    ]
    return ImportedProtocols(protocols=made, sequences=taken)


async def _differences(
    session: AsyncSession, lake: Lake, item: SequenceFile, row: SequenceRow
) -> list[str]:
    """Return where a sequence that is here and is used says something else than the file."""
    notes = [f"The same Pulseq file is here already as {row.name!r}, and is used."]
    for field in ("name", "sequence_type", "tags"):
        here, there = getattr(row, field), getattr(item, field)
        if here != there:
            notes.append(f"{field}: {there!r} in the file, {here!r} here; that stays.")
    if row.description != item.description:
        notes.append("description: another one in the file; that here stays.")
    if await _header_of(session, lake, row) != item.xml_file:
        notes.append("xml_file: another MRD header in the file, or one alone; that here stays.")
    return notes


async def _header_of(session: AsyncSession, lake: Lake, row: SequenceRow) -> str | None:
    if row.xml_file_extension is None:
        return None
    path, _ = await sequences.find_header(session, lake, row.id, None)
    return (await asyncio.to_thread(path.read_bytes)).decode()


async def _create_sequence(
    session: AsyncSession, lake: Lake, checked: CheckedFile, item: SequenceFile, *, now: datetime
) -> str:
    async def already_read(_data: bytes) -> SequenceFacts:
        return checked.facts[item.sha256]

    header = item.xml_file
    made = await sequences.create_sequence(
        session,
        lake,
        already_read,
        BaseMRISequence.model_validate(item.model_dump()),
        seq_file=UploadedFile(None, item.seq_file.encode()),
        xml_file=UploadedFile(None, header.encode()) if header is not None else None,
        version_of=None,
        now=now,
    )
    return made.id


async def _create(
    session: AsyncSession,
    item: ProtocolFile,
    newest: Exam | None,
    refs: dict[str, str],
    *,
    device_id: UUID | None,
    as_versions: bool,
    creator: str,
    now: datetime,
) -> ImportedProtocol:
    body = BaseExam.model_validate(item.model_dump() | {"is_template": True})
    row = service.new_exam(body, creator=creator, now=now)
    if newest is None:
        # Known under its id, the protocol can get later versions from where it comes from.
        row["protocol_id"] = item.protocol_id
    elif as_versions:
        row["protocol_id"] = item.protocol_id
        row["protocol_version"] = (newest.protocol_version or 0) + 1
    tree = await asyncio.to_thread(
        lambda: copied_tree(
            *_rows(item, refs, device_id),
            exam_id=row["id"],
            is_template=True,
            creator=creator,
            now=now,
        )
    )
    await service.insert_exam(session, row)
    await workflows.insert_tree(session, tree[0], [{**t, "template_id": None} for t in tree[1]])
    protocols.emit_protocol(session, EventType.PROTOCOL_IMPORTED, Exam(**row))
    return ImportedProtocol(
        name=item.name,
        exam_id=row["id"],
        protocol_id=row["protocol_id"],
        protocol_version=row["protocol_version"],
        notes=_notes(item, newest, as_versions=as_versions),
    )


def _notes(item: ProtocolFile, newest: Exam | None, *, as_versions: bool) -> list[str]:
    notes = [
        f"{place}: planned on device {task.device_id} where it comes from; choose one here."
        for place, task in numbered(item)
        if isinstance(task, AcquisitionTaskFile) and task.device_id is not None
    ]
    if item.released_at is not None:
        notes.append(
            f"Version {item.version} was released where it comes from; here it is a draft."
        )
    if newest is not None and not as_versions:
        notes.append("The protocol is here already; this one is made beside it.")
    return notes


def _rows(
    item: ProtocolFile, refs: dict[str, str], device_id: UUID | None
) -> tuple[list[Row], list[Row]]:
    """Return a protocol as rows to copy: what a template tree of this content would be."""
    ids = {task.ref: new_id() for _, task in numbered(item)}
    new_workflows: list[Row] = []
    new_tasks: list[Row] = []
    for place, workflow in enumerate(item.workflows):
        workflow_id = new_id()
        row = workflow.model_dump(exclude={"tasks"})
        new_workflows.append({**row, "id": workflow_id, "position": place})
        for position, task in enumerate(workflow.tasks):
            place_of = {"id": ids[task.ref], "workflow_id": workflow_id, "position": position}
            new_tasks.append({**_task_row(task, ids, refs, device_id), **place_of})
    return new_workflows, new_tasks


_NOTHING_PLANNED: dict[str, Any] = {
    **plan_of(BaseAcquisitionTask(name="-")),
    "dag_type": None,
    "dag_id": None,
    "input_task_ids": [],
    "parameter": None,
}


def _task_row(
    task: TaskFile, ids: dict[str, UUID], refs: dict[str, str], device_id: UUID | None
) -> Row:
    content = task.model_dump(exclude={"ref", "sequence", "inputs", "device_id"})
    if isinstance(task, AcquisitionTaskFile):
        content["sequence_id"] = refs[task.sequence] if task.sequence else None
        content["device_id"] = device_id
        plan = plan_of(BaseAcquisitionTask.model_validate(content))
    else:
        content["input_task_ids"] = [ids[item] for item in task.inputs]
        plan = plan_of(BaseDAGTask.model_validate(content))
    return {
        "name": task.name,
        "description": task.description,
        "task_type": TaskType(task.task_type),
        "destination": task.destination,
        **_NOTHING_PLANNED,
        **plan,
    }
