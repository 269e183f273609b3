"""Answers about what was reported. They name patients, as mercure's do: who asks may see them."""

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.clock import utc_now
from workflow_manager.bookkeeper import repository
from workflow_manager.bookkeeper.rows import (
    ArchivePage,
    TestRow,
    archive_row,
    information_of,
)
from workflow_manager.bookkeeper.rules import status_of_test


async def tests(session: AsyncSession, *, before: datetime | None, limit: int) -> list[TestRow]:
    """Return self-tests, newest first, with the state that they have by now."""
    now = utc_now()
    rows = await repository.list_tests(session, before=before, limit=limit)
    return [
        TestRow.model_validate(
            {
                **row.model_dump(),
                "status": status_of_test(row.status, row.time_begin, row.time_end, now),
            }
        )
        for row in rows
    ]


async def archive(session: AsyncSession, *, draw: int, **asked: Any) -> ArchivePage:
    """Return a page of the archive."""
    rows, total, meant = await repository.search_tasks(session, **asked)
    data = [archive_row(task, acc, mrn) for task, acc, mrn in rows]
    return ArchivePage(draw=draw, recordsTotal=total, recordsFiltered=meant, data=data)


async def task_info(session: AsyncSession, task_id: str) -> dict[str, Any]:
    """Return what is known of a task and of those below it."""
    family = await repository.family_of(session, task_id)
    answer: dict[str, Any] = {}
    for task in family:
        if task.id == task_id and task.parent_id is None:
            series = await repository.find_series(session, task.series_uid)
            if series is not None:
                answer["information"] = information_of(series)
        if task.tags and "sample_tags_received" not in answer:
            answer["sample_tags_received"] = task.tags
        if task.data:
            answer[f"task {task.id}"] = task.data
    return answer
