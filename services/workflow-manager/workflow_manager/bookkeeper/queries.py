"""Answers about what was reported, and about what this installation did itself.

They name patients, as mercure's do: who asks may see them.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from importlib.metadata import version
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.clock import utc_now
from workflow_manager.bookkeeper import own, repository
from workflow_manager.bookkeeper.merging import (
    OWN,
    Before,
    before_own,
    before_reported,
    first_of_number,
    milliseconds_of,
    milliseconds_of_id,
    newest,
    number_of_place,
    place_of_number,
)
from workflow_manager.bookkeeper.rows import (
    ArchivePage,
    FileRow,
    LogRow,
    OutputRow,
    SeriesRow,
    TaskEventRow,
    TaskRow,
    TestRow,
    archive_row,
    event_row,
    information_of,
    output_row,
    own_file_row,
    own_series_row,
    own_task_row,
    own_test_row,
    series_row,
    task_row,
)
from workflow_manager.bookkeeper.rules import status_of_test, without_secrets
from workflow_manager.bookkeeper.task_document import document_of
from workflow_manager.bookkeeper.translation import task_events
from workflow_manager.cases.models import Case
from workflow_manager.dicom.models import DicomInstance
from workflow_manager.processing.rules import DONE
from workflow_manager.routing_rules.repository import list_with_an_instance
from workflow_manager.routing_rules.series_tags import tags_of

_MOST_REPORTED = 5000


async def series(
    session: AsyncSession, *, series_uid: str, before: int | None, limit: int
) -> list[SeriesRow]:
    """Return series, newest first."""
    place = await _place_of_series(session, before)
    reported = await repository.list_series(
        session, series_uid=series_uid, before=place, limit=limit
    )
    ours = await own.list_series(session, series_uid=series_uid, before=_own_of(place), limit=limit)
    return newest(
        [(milliseconds_of_id(row.id), own_series_row(row)) for row in ours],
        [(milliseconds_of(row.time), series_row(row)) for row in reported],
        limit,
    )


def _own_of(place: Before | None) -> UUID | None:
    return None if place is None else place.own


async def _place_of_series(session: AsyncSession, before: int | None) -> Before | None:
    if before is None:
        return None
    if before >= OWN:
        return before_own(first_of_number(before))
    return before_reported(await repository.time_of_series(session, before), before)


async def tasks(session: AsyncSession, *, before: str | None, limit: int) -> list[TaskRow]:
    """Return tasks without a parent, newest first."""
    place = None
    if before is not None:
        place = await _place_of_task(session, before)
        if place is None:
            return []
    reported = await repository.list_tasks(session, before=place, limit=limit)
    ours = await own.list_cases(session, before=_own_of(place), limit=limit)
    return newest(
        [(milliseconds_of_id(case.id), own_task_row(case, first)) for case, first in ours],
        [(milliseconds_of(task.time), task_row(task, first)) for task, first in reported],
        limit,
    )


async def _place_of_task(session: AsyncSession, task_id: str) -> Before | None:
    case = await own.find_case(session, task_id)
    if case is not None:
        return before_own(case.id)
    time = await repository.time_of_task(session, task_id)
    return None if time is None else before_reported(time, task_id)


async def tests(session: AsyncSession, *, before: datetime | None, limit: int) -> list[TestRow]:
    """Return self-tests, newest first, with the state that they have by now."""
    now = utc_now()
    rows = await repository.list_tests(session, before=before, limit=limit)
    reported = [
        TestRow.model_validate(
            {
                **row.model_dump(),
                "status": status_of_test(row.status, row.time_begin, row.time_end, now),
            }
        )
        for row in rows
    ]
    ours = [own_test_row(row) for row in await own.list_tests(session, before=before, limit=limit)]
    both = sorted([*ours, *reported], key=lambda test: test.time_begin, reverse=True)
    return both[:limit]


async def events(
    session: AsyncSession, *, task_id: str, after: int, limit: int
) -> list[TaskEventRow]:
    """Return the events of a task and of those below it, in the order of their arrival."""
    case = await own.find_case(session, task_id)
    if case is None:
        rows = await repository.list_task_events(session, task_id=task_id, after=after, limit=limit)
        return [event_row(row) for row in rows]
    rows = await repository.list_task_events(
        session, task_id=task_id, after=0, limit=_MOST_REPORTED
    )
    images = await own.images_of(session, case)
    ours = task_events(str(case.id), await own.events_of(session, case), images)
    both = sorted([*map(event_row, rows), *ours], key=lambda event: event.time)
    place = next((number for number, event in enumerate(both, 1) if event.id == after), 0)
    return both[place : place + limit]


async def files(session: AsyncSession, *, series_uid: str, after: int, limit: int) -> list[FileRow]:
    """Return files in the order of their arrival: what was reported, then what came here."""
    found: list[FileRow] = []
    since, place = None, -1
    if after < OWN:
        rows = await repository.list_files(session, series_uid=series_uid, after=after, limit=limit)
        found = [FileRow.model_validate(row) for row in rows]
    else:
        since, place = place_of_number(after)
    if len(found) < limit:
        images = await own.list_files(
            session, series_uid=series_uid, since=since, skip=place + 1, limit=limit - len(found)
        )
        found += _numbered(images, since, place)
    return found


def _numbered(
    images: Sequence[tuple[DicomInstance, str]], since: datetime | None, place: int
) -> Iterator[FileRow]:
    """Yield images as files with numbers in the order in which they came.

    Args:
        images: The images, and the UIDs of their series.
        since: The millisecond in which the page before ended.
        place: The place in it of the last one there.
    """
    last = None if since is None else milliseconds_of(since)
    for image, uid in images:
        now = milliseconds_of(image.received_at)
        last, place = now, place + 1 if now == last else 0
        yield own_file_row(number_of_place(image.received_at, place), image, uid)


async def logs(session: AsyncSession, task_id: str) -> list[LogRow]:
    """Return what the modules of a task and of those below it wrote; of ours, the last lines."""
    reported = [LogRow.model_validate(row) for row in await repository.list_logs(session, task_id)]
    case = await own.find_case(session, task_id)
    if case is None:
        return reported
    ours = [
        LogRow(
            id=OWN + number,
            task_id=str(case.id),
            module_name=step.module,
            time=step.ended_at or step.started_at or case.opened_at,
            logs=step.log_tail,
        )
        for number, step in enumerate(await own.steps_of(session, case))
    ]
    return _as_they_came(reported, ours)


async def outputs(session: AsyncSession, task_id: str) -> list[OutputRow]:
    """Return what the modules of a task and of those below it answered."""
    reported = [output_row(row) for row in await repository.list_outputs(session, task_id)]
    case = await own.find_case(session, task_id)
    if case is None:
        return reported
    study = await own.study_of(session, case)
    ours = [
        OutputRow(
            id=OWN + number,
            time=step.ended_at or case.opened_at,
            task_id=str(case.id),
            task_acc=study.accession_number if study else "",
            task_mrn=study.patient_id if study else "",
            module=step.module,
            index=step.position - 1,
            settings=without_secrets(step.settings),
            output=step.output.get("value"),
        )
        for number, step in enumerate(await own.steps_of(session, case))
        if step.state in DONE
    ]
    return _as_they_came(reported, ours)


def _as_they_came(reported: Sequence[Any], ours: Sequence[Any]) -> list[Any]:
    return sorted([*reported, *ours], key=lambda row: row.time)[: repository.FEW]


async def archive(session: AsyncSession, *, draw: int, **asked: Any) -> ArchivePage:
    """Return a page of the archive."""
    rows, total, meant = await repository.search_tasks(session, **asked)
    data = [archive_row(row) for row in rows]
    return ArchivePage(draw=draw, recordsTotal=total, recordsFiltered=meant, data=data)


async def task_info(session: AsyncSession, task_id: str) -> dict[str, Any]:
    """Return what is known of a task and of those below it."""
    family = await repository.family_of(session, task_id)
    answer: dict[str, Any] = {}
    for task in family:
        if task.id == task_id and task.parent_id is None:
            found = await repository.find_series(session, task.series_uid)
            if found is not None:
                answer["information"] = information_of(found.tags)
        if task.tags and "sample_tags_received" not in answer:
            answer["sample_tags_received"] = task.tags
        if task.data:
            answer[f"task {task.id}"] = task.data
    case = await own.find_case(session, task_id)
    return answer if case is None else {**answer, **await _info_of(session, case)}


async def _info_of(session: AsyncSession, case: Case) -> dict[str, Any]:
    received = await own.series_of(session, case)
    tags = await _tags_of(session, [row.id for row in received[:1]])
    document = document_of(
        case,
        received,
        tags,
        dispatches=await own.dispatches_of(session, case),
        steps=await own.steps_of(session, case),
        version=version("workflow-manager"),
    )
    about = {"information": information_of(tags), "sample_tags_received": tags} if tags else {}
    return {**about, f"task {case.id}": document}


async def _tags_of(session: AsyncSession, series_ids: Sequence[UUID]) -> dict[str, str]:
    """Return the tags of an image as rules see them; none, when the images are gone."""
    found = await list_with_an_instance(session, series_ids=series_ids)
    return tags_of(*found[0]) if found else {}
