"""Results: created blank, then set to files that are in the lake."""

import asyncio
from collections import defaultdict
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from exam_manager.database import emit
from exam_manager.exams.rules import Act, template_may
from exam_manager.paging import Page
from exam_manager.results import rules
from exam_manager.results.models import Result
from exam_manager.tasks.models import Task
from exam_manager.tasks.repository import lock_task
from exam_manager.tasks.rules import check_claim, check_scope
from exam_manager.workflows.models import Workflow
from scanhub_libraries.errors import BadRequestError, ForbiddenError, NotFoundError
from scanhub_libraries.events import EventType
from scanhub_libraries.ids import new_id
from scanhub_libraries.lake import Lake, result_directory
from scanhub_libraries.models import ResultOut, SetResult
from scanhub_libraries.security.principal import Principal, PrincipalKind
from scanhub_libraries.versions import check_version

_RESULT = Result.__table__  # type: ignore[attr-defined]
_NARROW = frozenset({PrincipalKind.TASK, PrincipalKind.JOB})


async def read_results(
    session: AsyncSession, task_ids: sa.Select[tuple[UUID]]
) -> dict[UUID, list[ResultOut]]:
    """Return the results of tasks, oldest first, by task."""
    query = (
        sa.select(_RESULT)
        .where(_RESULT.c.task_id.in_(task_ids))
        .order_by(_RESULT.c.datetime_created, _RESULT.c.id)
    )
    found: dict[UUID, list[ResultOut]] = defaultdict(list)
    for row in (await session.execute(query)).mappings():
        found[row["task_id"]].append(ResultOut.model_validate(dict(row)))
    return found


async def check_may_read(session: AsyncSession, principal: Principal, task_id: UUID) -> None:
    """Refuse a task or job token what is neither its task nor an input of it."""
    if principal.kind not in _NARROW:
        return
    own = await session.get(Task, principal.task_id)
    if own is None:
        raise NotFoundError(f"There is no task {principal.task_id}.")
    check_claim(own.claim_id, principal.claim_id, active=own.claim_active)
    if task_id != own.id and str(task_id) not in own.input_task_ids:
        raise ForbiddenError("This token speaks for another task.")


def _check_may_write(principal: Principal, task: Task) -> None:
    check_scope(principal, task.id)
    if principal.kind in _NARROW:
        check_claim(task.claim_id, principal.claim_id, active=task.claim_active)


async def create_result(
    session: AsyncSession,
    task_id: UUID,
    *,
    result_id: UUID | None,
    principal: Principal,
    now: datetime,
) -> ResultOut:
    """Create a blank result. With an id, repeating returns what is there."""
    _, row = await _get_or_add(session, task_id, result_id, principal=principal, now=now)
    await session.flush()
    return ResultOut.model_validate(row)


async def _get_or_add(
    session: AsyncSession,
    task_id: UUID,
    result_id: UUID | None,
    *,
    principal: Principal,
    now: datetime,
) -> tuple[Task, Result]:
    """Return a task that is held, and its result; one that is not there is not flushed yet."""
    task = await lock_task(session, task_id)
    if task is None:
        raise BadRequestError(f"There is no task {task_id}.", field="task_id")
    if not template_may(Act.STORE_RESULT, is_template=task.is_template):
        raise BadRequestError("A template has no results.", field="task_id")
    _check_may_write(principal, task)
    row = await session.get(Result, result_id) if result_id is not None else None
    if row is not None:
        rules.check_same_task(same=row.task_id == task_id)
    else:
        claim_id = task.claim_id if task.claim_active else None
        row = Result(
            id=result_id or new_id(), task_id=task_id, claim_id=claim_id, datetime_created=now
        )
        session.add(row)
    return task, row


async def get_result(session: AsyncSession, result_id: UUID, *, principal: Principal) -> ResultOut:
    """Return a result."""
    row = await _get(session, result_id)
    await check_may_read(session, principal, row.task_id)
    return ResultOut.model_validate(row)


async def list_results(
    session: AsyncSession, task_id: UUID, *, page: Page[UUID], principal: Principal
) -> list[ResultOut]:
    """Return a page of the results of a task, oldest first."""
    await check_may_read(session, principal, task_id)
    query = sa.select(_RESULT).where(_RESULT.c.task_id == task_id)
    query = await page.select(session, query, (_RESULT.c.datetime_created, _RESULT.c.id))
    rows = (await session.execute(query)).mappings()
    return [ResultOut.model_validate(dict(row)) for row in rows]


async def set_result(
    session: AsyncSession,
    result_id: UUID,
    given: SetResult,
    lake: Lake,
    *,
    task_id: UUID | None,
    if_match: str | None,
    principal: Principal,
    now: datetime,
) -> ResultOut:
    """Write what a result is, once its files are in the lake; with a task it may be a new one."""
    if task_id is not None:
        task, row = await _get_or_add(session, task_id, result_id, principal=principal, now=now)
    else:
        task, row = await _get_held(session, result_id, principal=principal)
    check_version(if_match, row.version)
    await fill(session, row, task, given, lake, now=now)
    return ResultOut.model_validate(row)


async def _get_held(
    session: AsyncSession, result_id: UUID, *, principal: Principal
) -> tuple[Task, Result]:
    row = await _get(session, result_id)
    task = await lock_task(session, row.task_id)
    if task is None:
        raise NotFoundError(f"There is no result {result_id}.")
    _check_may_write(principal, task)
    await session.refresh(row)
    return task, row


async def store_result(
    session: AsyncSession,
    task: Task,
    result_id: UUID,
    given: SetResult,
    lake: Lake,
    *,
    now: datetime,
) -> None:
    """Create or complete a result of a claimed task, as part of finishing it."""
    row = await session.get(Result, result_id)
    if row is None:
        row = Result(id=result_id, task_id=task.id, claim_id=task.claim_id, datetime_created=now)
        session.add(row)
    rules.check_same_task(same=row.task_id == task.id)
    await fill(session, row, task, given, lake, now=now)


async def fill(
    session: AsyncSession, row: Result, task: Task, given: SetResult, lake: Lake, *, now: datetime
) -> None:
    """Set type, files and meta of a result after checking them against the lake."""
    if task.workflow_id is None:
        raise BadRequestError("A template has no results.", field="task_id")
    directory = result_directory(task.workflow_id, task.id, row.id)
    rules.check_directory(given.directory, directory)
    rules.check_files(given.files)
    rules.check_present(await asyncio.to_thread(_missing, lake, directory, given.files))
    placed = directory if given.directory or given.files else ""
    if (row.type, row.directory, row.files, row.meta) != (
        given.type,
        placed,
        given.files,
        given.meta,
    ):
        row.type, row.files, row.meta = given.type, given.files, given.meta
        row.directory = placed
        if sa.inspect(row).persistent:
            row.version += 1
            row.datetime_updated = now
    emit(
        session,
        EventType.RESULT_STORED,
        row.id,
        {
            "result_id": str(row.id),
            "task_id": str(task.id),
            "workflow_id": str(task.workflow_id),
            "type": row.type.value,
            "files": len(row.files),
        },
    )


def _missing(lake: Lake, directory: str, files: list[str]) -> list[str]:
    return [name for name in files if not lake.exists(f"{directory}/{name}")]


async def has_data(session: AsyncSession, task_id: UUID, claim_id: UUID | None) -> bool:
    """Say whether a claim stored a result that has files."""
    query = sa.select(Result).where(
        col(Result.task_id) == task_id, col(Result.claim_id) == claim_id
    )
    return any(row.files for row in await session.scalars(query))


async def delete_result(
    session: AsyncSession, result_id: UUID, *, if_match: str | None, principal: Principal
) -> str:
    """Delete a result; return the folder to remove once that is committed."""
    row = await _get(session, result_id)
    task = await lock_task(session, row.task_id)
    if task is None or task.workflow_id is None:
        raise NotFoundError(f"There is no result {result_id}.")
    _check_may_write(principal, task)
    await session.refresh(row)
    check_version(if_match, row.version)
    if principal.kind is PrincipalKind.USER:
        await _check_unused(session, row, task)
    await session.delete(row)
    emit(
        session,
        EventType.RESULT_DELETED,
        row.id,
        {"result_id": str(row.id), "task_id": str(task.id), "workflow_id": str(task.workflow_id)},
    )
    return result_directory(task.workflow_id, task.id, row.id)


async def _check_unused(session: AsyncSession, row: Result, task: Task) -> None:
    """Refuse to take away what is being written or read.

    The exam is held, so that no claim is made between this look and the commit.
    """
    exam_of = sa.select(col(Workflow.exam_id)).where(col(Workflow.id) == task.workflow_id)
    query = (
        sa.select(Task)
        .join(Workflow, col(Workflow.id) == col(Task.workflow_id))
        .where(
            col(Task.claim_active).is_(True),
            sa.or_(
                col(Workflow.id) == task.workflow_id,
                col(Workflow.exam_id) == exam_of.scalar_subquery(),
            ),
        )
    )
    active = list(await session.scalars(query))
    rules.check_unused(
        being_written=task.claim_active and row.claim_id == task.claim_id,
        readers=[str(item.id) for item in active if str(task.id) in item.input_task_ids],
    )


async def _get(session: AsyncSession, result_id: UUID) -> Result:
    row = await session.get(Result, result_id)
    if row is None:
        raise NotFoundError(f"There is no result {result_id}.")
    return row
