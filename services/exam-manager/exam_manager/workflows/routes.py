"""HTTP: /api/v1/exam/workflow."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Query, Request, Response, status

from exam_manager.dependencies import LakeDep, NowDep
from exam_manager.pages import PageDep
from exam_manager.workflows import lists, service
from exam_manager.workflows.service import WORKFLOW
from scanhub_libraries.models import BaseWorkflow, WorkflowOut
from scanhub_libraries.versions import etag
from scanhub_libraries.web import IfMatchDep, PrincipalDep, SessionDep

router = APIRouter(prefix="/api/v1/exam/workflow", tags=["workflows"])


@router.post("/new", status_code=status.HTTP_201_CREATED, summary="Create a workflow")
async def create_workflow(
    workflow: BaseWorkflow, session: SessionDep, principal: PrincipalDep, now: NowDep
) -> WorkflowOut:
    """Create a workflow of an exam, or a template."""
    return await service.create_workflow(session, workflow, creator=principal.subject, now=now)


@router.post("", status_code=status.HTTP_201_CREATED, summary="Make a workflow from a template")
async def copy_workflow(
    *,
    exam_id: Annotated[UUID, Query()],
    template_id: Annotated[UUID, Query()],
    new_workflow_is_template: Annotated[bool, Query()],
    session: SessionDep,
    principal: PrincipalDep,
    now: NowDep,
) -> WorkflowOut:
    """Copy a workflow template with its tasks into an exam."""
    return await service.copy_workflow(
        session,
        exam_id=exam_id,
        template_id=template_id,
        is_template=new_workflow_is_template,
        creator=principal.subject,
        now=now,
    )


@router.get("/templates/all", summary="All workflow templates")
async def list_workflow_templates(
    session: SessionDep, page: PageDep, request: Request, response: Response
) -> list[WorkflowOut]:
    """Return all workflow templates with their tasks."""
    found = await lists.list_workflows(session, page, WORKFLOW.c.is_template)
    return page.cut(found, lambda workflow: workflow.id, request, response)


@router.get("/all/{exam_id}", summary="The workflows of an exam")
async def list_workflows(
    exam_id: UUID, session: SessionDep, page: PageDep, request: Request, response: Response
) -> list[WorkflowOut]:
    """Return the workflows of an exam with their tasks."""
    found = await lists.list_workflows(session, page, WORKFLOW.c.exam_id == exam_id)
    return page.cut(found, lambda workflow: workflow.id, request, response)


@router.get("/{workflow_id}", summary="One workflow")
async def get_workflow(workflow_id: UUID, session: SessionDep, response: Response) -> WorkflowOut:
    """Return a workflow with its tasks."""
    workflow = await service.get_workflow(session, workflow_id)
    response.headers.update(etag(workflow.version))
    return workflow


@router.put("/{workflow_id}", summary="Change a workflow")
async def update_workflow(
    *,
    workflow_id: UUID,
    workflow: BaseWorkflow,
    session: SessionDep,
    now: NowDep,
    response: Response,
    if_match: IfMatchDep = None,
) -> WorkflowOut:
    """Take a person's edit."""
    changed = await service.update_workflow(
        session, workflow_id, workflow, if_match=if_match, now=now
    )
    response.headers.update(etag(changed.version))
    return changed


@router.delete(
    "/{workflow_id}", status_code=status.HTTP_204_NO_CONTENT, summary="Delete a workflow"
)
async def delete_workflow(
    workflow_id: UUID,
    session: SessionDep,
    lake: LakeDep,
    background: BackgroundTasks,
    if_match: IfMatchDep = None,
) -> None:
    """Delete a workflow with its tasks and results."""
    folder = await service.delete_workflow(session, workflow_id, if_match=if_match)
    background.add_task(lake.delete_tree, folder)
