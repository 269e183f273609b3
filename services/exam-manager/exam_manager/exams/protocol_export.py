"""Protocols as one JSON file: the plans and the sequences, never anything of a patient."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from exam_manager.exams.models import Exam
from exam_manager.exams.plans import Plan, Row, read_plans
from exam_manager.exams.protocols import emit_protocol
from exam_manager.exams.rules import Act, check_act
from exam_manager.exams.standing import standing_of
from exam_manager.sequences import service as sequences
from exam_manager.sequences.models import Sequence as SequenceRow
from scanhub_libraries.database import Sessions, reading, transaction
from scanhub_libraries.errors import NotFoundError, PayloadTooLargeError
from scanhub_libraries.events import EventType
from scanhub_libraries.lake import Lake
from scanhub_libraries.models import ProtocolsFile, SequenceFile, TaskType
from scanhub_libraries.models.protocol import FORMAT, FORMAT_VERSION
from scanhub_libraries.security.principal import Principal

MAX_BYTES = 32 * 2**20
"""Of a file that is taken; sequences fill it."""
_MAX_SEQUENCE_BYTES = 28 * 2**20
"""What the sequences of an export may have, so that it can be imported: escapes need room."""


async def export_protocols(
    sessions: Sessions,
    lake: Lake,
    protocol_ids: Sequence[UUID],
    *,
    principal: Principal,
    now: datetime,
) -> bytes:
    """Return the version of each protocol to hand on as the text of a file; see `newest_of`."""
    async with reading(sessions) as session:
        exam_ids = await newest_of(session, protocol_ids)
    return await export_versions(sessions, lake, exam_ids, principal=principal, now=now)


async def export_versions(
    sessions: Sessions,
    lake: Lake,
    exam_ids: Sequence[UUID],
    *,
    principal: Principal,
    now: datetime,
) -> bytes:
    """Return templates and the sequences that they use as the text of a file, and tell of it.

    Raises:
        NotFoundError: There is no such template.
        ConflictError: One of them is the exam of a patient.
        PayloadTooLargeError: The sequences are more than a file may have.
    """
    async with reading(sessions) as session:
        chosen, file = await _file_of(session, lake, exam_ids, principal=principal, now=now)
    text = await asyncio.to_thread(file.model_dump_json, indent=1)
    async with transaction(sessions) as session:
        for plan in chosen:
            emit_protocol(session, EventType.PROTOCOL_EXPORTED, Exam(**plan.exam))
    return text.encode()


async def _file_of(
    session: AsyncSession,
    lake: Lake,
    exam_ids: Sequence[UUID],
    *,
    principal: Principal,
    now: datetime,
) -> tuple[list[Plan], ProtocolsFile]:
    """Return the plans of templates, and the file of them.

    Raises:
        NotFoundError: There is no such template.
        ConflictError: One of them is the exam of a patient.
        PayloadTooLargeError: The sequences are more than a file may have.
    """
    plans = await read_plans(session, exam_ids)
    for exam_id in exam_ids:
        if exam_id not in plans:
            raise NotFoundError(f"There is no exam template {exam_id}.")
        check_act(standing_of(Exam(**plans[exam_id].exam)), Act.EXPORT)
    chosen = [plans[exam_id] for exam_id in exam_ids]
    used = (task["sequence_id"] for plan in chosen for task in plan.tasks if task["sequence_id"])
    refs = {sequence_id: f"s{n}" for n, sequence_id in enumerate(dict.fromkeys(used), 1)}
    await _check_size(session, list(refs))
    file = ProtocolsFile.model_validate(
        {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "exported_at": now,
            "exported_by": principal.subject,
            "protocols": [_protocol(plan, refs) for plan in chosen],
            "sequences": [
                await _sequence(session, lake, sequence_id, ref, principal)
                for sequence_id, ref in refs.items()
            ],
        }
    )
    return chosen, file


async def newest_of(session: AsyncSession, protocol_ids: Sequence[UUID]) -> list[UUID]:
    """Return of each protocol the version to hand on: the newest released one, else the newest.

    Raises:
        NotFoundError: There is no such protocol.
    """
    released = sa.case((col(Exam.released_at).is_(None), 0), else_=1)
    usable = sa.case((col(Exam.retired_at).is_(None), released), else_=0)
    query = (
        sa.select(col(Exam.protocol_id), col(Exam.id))
        .where(col(Exam.protocol_id).in_(protocol_ids))
        .order_by(usable, col(Exam.protocol_version))
    )
    best = {row[0]: row[1] for row in await session.execute(query)}
    if missing := [str(item) for item in protocol_ids if item not in best]:
        raise NotFoundError(f"There is no protocol {', '.join(missing)}.", missing=missing)
    return [best[protocol_id] for protocol_id in dict.fromkeys(protocol_ids)]


async def _check_size(session: AsyncSession, sequence_ids: list[str]) -> None:
    query = sa.select(sa.func.sum(col(SequenceRow.size_bytes)))
    size = await session.scalar(query.where(col(SequenceRow.id).in_(sequence_ids))) or 0
    if size > _MAX_SEQUENCE_BYTES:
        raise PayloadTooLargeError(
            f"The sequences have {size} bytes; a file has room for {_MAX_SEQUENCE_BYTES}: export "
            "fewer protocols at once."
        )


async def _sequence(
    session: AsyncSession, lake: Lake, sequence_id: str, ref: str, principal: Principal
) -> SequenceFile:
    found = await sequences.get_sequence(session, lake, sequence_id, principal=principal)
    return SequenceFile(
        ref=ref,
        name=found.name,
        description=found.description,
        sequence_type=found.sequence_type,
        tags=found.tags,
        sha256=found.sha256,
        seq_file=found.seq_file,
        xml_file=found.xml_file,
    )


def _protocol(plan: Plan, refs: dict[str, str]) -> dict[str, object]:
    names = {str(task["id"]): f"t{number}" for number, task in enumerate(plan.tasks, 1)}
    exam = plan.exam
    same = ("name", "description", "indication", "comment", "patient_position")
    release = ("released_at", "released_by", "release_comment")
    return {
        **{field: exam[field] for field in (*same, *release)},
        "protocol_id": exam["protocol_id"],
        "version": exam["protocol_version"],
        "workflows": [
            {
                **{field: workflow[field] for field in ("name", "description", "comment")},
                "tasks": [_task(task, names, refs) for task in plan.tasks_of(workflow)],
            }
            for workflow in plan.workflows
        ],
    }


def _task(task: Row, names: dict[str, str], refs: dict[str, str]) -> dict[str, object]:
    same = ("task_type", "name", "description", "destination")
    document = {field: task[field] for field in same}
    document["ref"] = names[str(task["id"])]
    if task["task_type"] is TaskType.ACQUISITION:
        own = ("acquisition_parameter", "calibration", "device_id")
        return {
            **document,
            **{field: task[field] for field in own},
            "sequence": refs.get(task["sequence_id"] or ""),
        }
    return {
        **document,
        **{field: task[field] for field in ("dag_type", "dag_id", "parameter")},
        "inputs": [names[item] for item in task["input_task_ids"]],
    }
