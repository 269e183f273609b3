"""Routes of storage commitment: what other nodes asked us to keep."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from scanhub_libraries.models import CommitmentOut
from scanhub_libraries.models.workflow_manager import CommitmentDetail
from scanhub_libraries.web import SessionDep
from workflow_manager.commitments import repository, service
from workflow_manager.commitments.rules import CommitmentState

router = APIRouter(prefix="/api/v1/workflowmanager", tags=["images"])


@router.get("/commitments", summary="List what other nodes asked us to keep")
async def list_commitments(
    session: SessionDep,
    *,
    status: CommitmentState | None = None,
    before: Annotated[UUID | None, Query(description="Only requests older than this one")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[CommitmentOut]:
    """Return requests for storage commitment, newest first, with the reason where one waits."""
    rows = await repository.list_requests(session, state=status, before=before, limit=limit)
    return [service.describe(row) for row in rows]


@router.get("/commitments/{request_id}", summary="Return what another node asked us to keep")
async def get_commitment(session: SessionDep, request_id: UUID) -> CommitmentDetail:
    """Return a request with the instances that it is about, and why some are not kept."""
    return service.describe_whole(await service.get_request(session, request_id))


@router.post("/commitments/{request_id}/retry", summary="Report now what a node has not heard")
async def retry_commitment(
    request: Request, session: SessionDep, request_id: UUID
) -> CommitmentOut:
    """Try at once to tell the node which of its images are kept."""
    row = await service.try_again(session, request_id)
    await session.commit()  # the workflow looks at the row
    await service.ATTEMPTS.start(request.app.state.wiring.engine, service.attempt_of(row))
    return service.describe(row)
