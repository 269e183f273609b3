"""Route of the list of all runs."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from scanhub_libraries.models.fields import ShortText
from scanhub_libraries.models.run import AnyRunOut, AnyRunStatus
from scanhub_libraries.web import SessionDep
from workflow_manager.all_runs import service
from workflow_manager.all_runs.repository import Wanted

router = APIRouter(prefix="/api/v1/workflowmanager", tags=["runs"])


@router.get("/all-runs", summary="List runs of exams and of cases")
async def list_all_runs(
    session: SessionDep,
    *,
    kind: Annotated[
        Literal["exam", "case"] | None,
        Query(description="exam: jobs of tasks; case: modules that a rule asks for"),
    ] = None,
    status: Annotated[
        list[AnyRunStatus] | None, Query(description="Only in one of these states")
    ] = None,
    job: Annotated[
        ShortText | None,
        Query(description="Only with this job, by its id, or with this module, by its name"),
    ] = None,
    device_id: Annotated[
        UUID | None, Query(description="Only on data of this scanner; runs of exams only")
    ] = None,
    exam_id: Annotated[UUID | None, Query(description="Only of this exam")] = None,
    rule: Annotated[ShortText | None, Query(description="Only of cases of this rule")] = None,
    since: Annotated[
        AwareDatetime | None, Query(description="Only those that were asked for then or later")
    ] = None,
    until: Annotated[
        AwareDatetime | None, Query(description="Only those that were asked for before")
    ] = None,
    after: Annotated[UUID | None, Query(description="The last run of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[AnyRunOut]:
    """Return runs of jobs of exams and of modules of cases in one list, newest first."""
    wanted = Wanted(
        kind=kind,
        states=tuple(status or ()),
        job=job,
        device_id=device_id,
        exam_id=exam_id,
        rule=rule,
        since=since,
        until=until,
    )
    return await service.list_all(session, wanted, after=after, limit=limit)
