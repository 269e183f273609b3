"""HTTP: /api/v1/exam/task."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Body, Query, Request, Response, status

from exam_manager.dependencies import LakeDep, NowDep, SignerDep
from exam_manager.pages import PageDep
from exam_manager.results.service import check_may_read
from exam_manager.tasks import claims, duplicates, lists, service, tree
from exam_manager.tasks.job_check import CheckedTaskDep
from scanhub_libraries.models import (
    ClaimTask,
    DuplicateTask,
    FinishTask,
    RefusedReport,
    ReleaseTask,
    TaskClaim,
    TaskOut,
    TaskReport,
    TaskReports,
)
from scanhub_libraries.versions import etag
from scanhub_libraries.web import IfMatchDep, PrincipalDep, SessionDep

router = APIRouter(prefix="/api/v1/exam/task", tags=["tasks"])


@router.post("/new", status_code=status.HTTP_201_CREATED, summary="Create a task")
async def create_task(
    task: CheckedTaskDep, session: SessionDep, principal: PrincipalDep, now: NowDep
) -> TaskOut:
    """Create a task of an exam, or a template; parameters that its job does not take are a 422."""
    return await service.create_task(session, task, creator=principal.subject, now=now)


@router.post("", status_code=status.HTTP_201_CREATED, summary="Make a task from a template")
async def copy_task(
    *,
    workflow_id: Annotated[UUID, Query()],
    template_id: Annotated[UUID, Query()],
    new_task_is_template: Annotated[bool, Query()],
    session: SessionDep,
    principal: PrincipalDep,
    now: NowDep,
) -> TaskOut:
    """Copy a task template into a workflow."""
    return await service.copy_task(
        session,
        workflow_id=workflow_id,
        template_id=template_id,
        is_template=new_task_is_template,
        creator=principal.subject,
        now=now,
    )


@router.put("/reorder", status_code=status.HTTP_204_NO_CONTENT, summary="Order tasks")
async def reorder_tasks(
    task_ids: Annotated[list[UUID], Body(embed=True, min_length=1, max_length=1000)],
    session: SessionDep,
    now: NowDep,
) -> None:
    """Put the tasks of one workflow in this order."""
    await service.reorder_tasks(session, task_ids, now=now)


@router.get("/templates/all", summary="All task templates")
async def list_task_templates(
    session: SessionDep, page: PageDep, request: Request, response: Response
) -> list[TaskOut]:
    """Return all task templates."""
    found = await lists.list_templates(session, page)
    return page.cut(found, lambda task: task.id, request, response)


@router.get("/all/{workflow_id}", summary="The tasks of a workflow")
async def list_tasks(
    workflow_id: UUID, session: SessionDep, page: PageDep, request: Request, response: Response
) -> list[TaskOut]:
    """Return the tasks of a workflow in their order."""
    found = await lists.list_tasks(session, page, workflow_id)
    return page.cut(found, lambda task: task.id, request, response)


@router.get("/{task_id}", summary="One task")
async def get_task(
    task_id: UUID, session: SessionDep, principal: PrincipalDep, response: Response
) -> TaskOut:
    """Return a task with its results."""
    await check_may_read(session, principal, task_id)
    task = await tree.read_task(session, task_id)
    response.headers.update(etag(task.version))
    return task


@router.put("/{task_id}", summary="Change a task")
async def update_task(
    *,
    task_id: UUID,
    task: CheckedTaskDep,
    session: SessionDep,
    principal: PrincipalDep,
    now: NowDep,
    response: Response,
    if_match: IfMatchDep = None,
) -> TaskOut:
    """Take a person's edit; of a device, a job or a service only status and progress."""
    changed = await service.put_task(
        session, task_id, task, principal=principal, if_match=if_match, now=now
    )
    response.headers.update(etag(changed.version))
    return changed


@router.delete("/{task_id}", status_code=status.HTTP_204_NO_CONTENT, summary="Delete a task")
async def delete_task(
    task_id: UUID,
    session: SessionDep,
    lake: LakeDep,
    background: BackgroundTasks,
    if_match: IfMatchDep = None,
) -> None:
    """Delete a task with its results; refused while it runs or other tasks read it."""
    folder = await service.delete_task(session, task_id, if_match=if_match)
    if folder is not None:
        background.add_task(lake.delete_tree, folder)


@router.post(
    "/{task_id}/duplicate",
    status_code=status.HTTP_201_CREATED,
    summary="Plan a task once more, or repeat it with a reason",
)
async def duplicate_task(
    *,
    task_id: UUID,
    body: DuplicateTask,
    session: SessionDep,
    principal: PrincipalDep,
    now: NowDep,
) -> list[TaskOut]:
    """Copy a task and the jobs that read only it behind it; the answer begins with its copy."""
    return await duplicates.duplicate_task(
        session, task_id, body, creator=principal.subject, now=now
    )


@router.post("/{task_id}/claim", summary="Take a task for a device or a run")
async def claim_task(
    task_id: UUID, claim: ClaimTask, session: SessionDep, signer: SignerDep, now: NowDep
) -> TaskClaim:
    """Take a task; of several at once one gets it, and repeating is harmless."""
    return await claims.claim_task(session, signer, task_id, claim, now=now)


@router.post("/{task_id}/report", summary="Report on a claimed task")
async def report_task(
    task_id: UUID, report: TaskReport, session: SessionDep, principal: PrincipalDep, now: NowDep
) -> TaskOut:
    """Note how far a claimed task is, or that it failed."""
    return await claims.report_task(session, task_id, report, principal=principal, now=now)


@router.post("/reports", summary="Report on many claimed tasks")
async def report_tasks(
    body: TaskReports, session: SessionDep, principal: PrincipalDep, now: NowDep
) -> list[RefusedReport]:
    """Note how far the scans of a fleet are; the answer is what was not taken, and why."""
    return await claims.report_tasks(session, body.reports, principal=principal, now=now)


@router.post("/{task_id}/release", summary="Give a claimed task back")
async def release_task(
    task_id: UUID, release: ReleaseTask, session: SessionDep, principal: PrincipalDep, now: NowDep
) -> TaskOut:
    """Give a claimed task back with a reason."""
    return await claims.release_task(session, task_id, release, principal=principal, now=now)


@router.post("/{task_id}/finish", summary="Finish a claimed task with its result")
async def finish_task(
    *,
    task_id: UUID,
    finish: FinishTask,
    session: SessionDep,
    lake: LakeDep,
    principal: PrincipalDep,
    now: NowDep,
) -> TaskOut:
    """Store the result and finish the task: both or neither."""
    return await claims.finish_task(session, lake, task_id, finish, principal=principal, now=now)
