"""Questions to the bookkeeper, at mercure's paths below ours."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query

from scanhub_libraries.models.fields import ShortText
from scanhub_libraries.web import SessionDep
from workflow_manager.bookkeeper import queries
from workflow_manager.bookkeeper.answers import MercureRoute
from workflow_manager.bookkeeper.forms import OptionalUid, Uid
from workflow_manager.bookkeeper.rows import (
    ArchivePage,
    FileRow,
    LogRow,
    OutputRow,
    SeriesRow,
    TaskEventRow,
    TaskRow,
    TestRow,
)

router = APIRouter(
    prefix="/api/v1/workflowmanager/bookkeeper/query",
    tags=["bookkeeper"],
    route_class=MercureRoute,
)
_LAST = 2**63 - 1
Limit = Annotated[int, Query(ge=1, le=5000)]
Number = Annotated[int, Query(ge=0, le=_LAST)]
SeriesUid = Annotated[OptionalUid, Query(description="Series Instance UID; empty: all")]
MercureTaskId = Annotated[Uid, Query(description="Id of mercure's task")]


@router.get("/series", summary="List series that were received or reported")
async def query_series(
    session: SessionDep,
    *,
    series_uid: SeriesUid = "",
    before: Annotated[int | None, Query(ge=0, le=_LAST, description="Only with a lower id")] = None,
    limit: Limit = 1000,
) -> list[SeriesRow]:
    """Return series, newest first; a page goes on `before` the id of its last row.

    Those that this installation received are among them, and those that were reported.
    """
    return await queries.series(session, series_uid=series_uid, before=before, limit=limit)


@router.get("/tasks", summary="List cases, and tasks that were reported")
async def query_tasks(
    session: SessionDep,
    *,
    before: Annotated[Uid | None, Query(description="Only older ones than this task")] = None,
    limit: Limit = 1000,
) -> list[TaskRow]:
    """Return tasks without a parent, newest first; a case of this installation is one."""
    return await queries.tasks(session, before=before, limit=limit)


@router.get("/tests", summary="List self-tests, of this installation and reported")
async def query_tests(
    session: SessionDep,
    *,
    before: Annotated[datetime | None, Query(description="Only begun before this time")] = None,
    limit: Limit = 1000,
) -> list[TestRow]:
    """Return self-tests, newest first; one that did not end within ten minutes has failed."""
    return await queries.tests(session, before=before, limit=limit)


@router.get("/task-events", summary="List events of a task")
async def query_task_events(
    session: SessionDep,
    *,
    task_id: MercureTaskId,
    after: Number = 0,
    limit: Limit = 1000,
) -> list[TaskEventRow]:
    """Return the events of a task and of those below it, in the order of their arrival.

    What happened to a case of this installation has mercure's names too.
    """
    return await queries.events(session, task_id=task_id, after=after, limit=limit)


@router.get("/dicom-files", summary="List files that were received or reported")
async def query_dicom_files(
    session: SessionDep,
    *,
    series_uid: SeriesUid = "",
    after: Number = 0,
    limit: Limit = 1000,
) -> list[FileRow]:
    """Return files in the order of their arrival; a page goes on `after` the id of its last row.

    Those that were reported come first, then those that this installation received.
    """
    return await queries.files(session, series_uid=series_uid, after=after, limit=limit)


@router.get("/task_process_logs", summary="Read what the modules of a task wrote")
async def query_task_logs(session: SessionDep, task_id: MercureTaskId) -> list[LogRow]:
    """Return the logs of a task and of those below it."""
    return await queries.logs(session, task_id)


@router.get("/task_process_results", summary="Read what the modules of a task answered")
async def query_task_results(session: SessionDep, task_id: MercureTaskId) -> list[OutputRow]:
    """Return the outputs of a task and of those below it."""
    return await queries.outputs(session, task_id)


@router.get("/find_task", summary="Search the archive of tasks")
async def find_task(
    session: SessionDep,
    *,
    draw: Annotated[int, Query(ge=0, le=_LAST, description="Is given back")] = 1,
    start: Annotated[int, Query(ge=0, le=100_000, description="Leave out so many")] = 0,
    length: Annotated[int, Query(ge=-1, le=5000, description="At most so many; -1: 500")] = 50,
    search: Annotated[
        ShortText, Query(alias="search[value]", description="Begin of ACC or MRN")
    ] = "",
    order: Annotated[
        int, Query(alias="order[0][column]", ge=0, le=9, description="Order by this column")
    ] = 3,
    direction: Annotated[
        str, Query(alias="order[0][dir]", pattern="^(asc|desc)$", description="asc, desc")
    ] = "desc",
    study_filter: Annotated[bool, Query(description="Studies only")] = False,
) -> ArchivePage:
    """Return a page of cases and of tasks without a parent, in the form that DataTables reads.

    Columns are accession number, patient id, scope, time, rule. The search looks at the beginning
    of accession number and patient id, and anywhere in the patient's name and the rule.
    """
    return await queries.archive(
        session,
        draw=draw,
        text=search.strip(),
        study_only=study_filter,
        order=order,
        descending=direction == "desc",
        start=start,
        length=length if length > 0 else 500,
    )


@router.get("/get_task_info", summary="Read all that is known of a task")
async def get_task_info(session: SessionDep, task_id: MercureTaskId) -> dict[str, Any]:
    """Return `information`, tags of an image, and the `task.json` of each task of the family."""
    return await queries.task_info(session, task_id)
