"""Routes of what was kept aside."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import FileResponse

from scanhub_libraries.models.kept_aside import KeptAsideOut, RecoveredOut
from scanhub_libraries.web import PrincipalDep, SessionDep
from workflow_manager.kept_aside import recovering, repository, service
from workflow_manager.kept_aside.models import AsideKind

router = APIRouter(prefix="/api/v1/workflowmanager/kept-aside", tags=["images"])
AsideId = Annotated[UUID, Path(description="Id of what was kept aside")]


@router.get("", summary="List what was kept aside")
async def list_kept_aside(
    session: SessionDep,
    *,
    kind: Annotated[AsideKind | None, Query(description="Only what was kept for this")] = None,
    before: Annotated[UUID | None, Query(description="Only what came before this one")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[KeptAsideOut]:
    """Return what cannot be read, second objects of a UID, and images of another patient.

    Newest first; the next page begins `before` the last one of this.
    """
    rows = await repository.list_newest(session, kind=kind, before=before, limit=limit)
    return [KeptAsideOut.model_validate(row) for row in rows]


@router.get(
    "/{aside_id}/file",
    summary="Download what was kept aside",
    response_class=FileResponse,
    responses={
        200: {"content": {"application/octet-stream": {}}},
        206: {"description": "A range of it"},
        416: {"description": "There is no such range"},
    },
)
async def get_kept_file(request: Request, session: SessionDep, aside_id: AsideId) -> FileResponse:
    """Return the bytes as they came; Range requests are answered."""
    key = await service.get_file_key(session, aside_id)
    return FileResponse(
        request.app.state.wiring.lake.path(key),
        media_type="application/octet-stream",
        filename=f"{aside_id}.dcm",
        headers={"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"},
    )


@router.post("/{aside_id}/recover", summary="Put what was kept aside into the archive")
async def recover_kept_file(
    request: Request, principal: PrincipalDep, aside_id: AsideId
) -> RecoveredOut:
    """Read a file again, as if it had just come: what was in its way may be gone.

    Such as another object under its UID, or what an older version of this server could not read.
    """
    return await recovering.recover(request.app.state.wiring, aside_id, actor=principal.actor)
