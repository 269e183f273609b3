"""Routes of targets and dispatches."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request

from scanhub_libraries.models import DispatchOut, TargetIn, TargetOut, TargetTest
from scanhub_libraries.models.fields import ShortText
from scanhub_libraries.web import SessionDep
from workflow_manager.dispatch import repository, service
from workflow_manager.dispatch.models import Dispatch

router = APIRouter(prefix="/api/v1/workflowmanager", tags=["dispatch"])
TargetName = Annotated[ShortText, Path()]


def _out(dispatch: Dispatch) -> DispatchOut:
    return DispatchOut.model_validate({**dispatch.model_dump(), "sent": len(dispatch.sent)})


@router.get("/targets", summary="List the nodes that images are sent to")
async def list_targets(session: SessionDep) -> list[TargetOut]:
    """Return all targets by name."""
    return [TargetOut.model_validate(t) for t in await repository.list_targets(session)]


@router.post("/targets", status_code=201, summary="Configure a node to send to")
async def create_target(session: SessionDep, target: TargetIn) -> TargetOut:
    """A target that is enabled gets every series of our own scans."""
    return TargetOut.model_validate(await service.create_target(session, target))


@router.put("/targets/{name}", summary="Change a target")
async def replace_target(session: SessionDep, name: TargetName, target: TargetIn) -> TargetOut:
    """Replace the settings of a target; what waits is sent with the new ones."""
    return TargetOut.model_validate(await service.replace_target(session, name, target))


@router.delete("/targets/{name}", status_code=204, summary="Delete a target")
async def delete_target(session: SessionDep, name: TargetName) -> None:
    """Delete a target; what was on its way there ends."""
    await service.delete_target(session, name)


@router.post("/targets/{name}/test", summary="Test the connection to a target")
async def test_target(request: Request, session: SessionDep, name: TargetName) -> TargetTest:
    """Send a C-ECHO; the answer says what is wrong."""
    target = await service.get_target(session, name)
    await session.commit()  # a node that does not answer must not hold a transaction open
    return await service.test_target(request.app.state.wiring, target)


@router.get("/dispatches", summary="List what is sent where")
async def list_dispatches(
    session: SessionDep,
    exam_id: UUID | None = None,
    series: Annotated[ShortText | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[DispatchOut]:
    """Return dispatches, newest first, with the reason where one waits or failed."""
    rows = await repository.list_dispatches(session, exam_id=exam_id, series=series, limit=limit)
    return [_out(row) for row in rows]


@router.post("/dispatches/{dispatch_id}/retry", summary="Send now what waits or failed")
async def retry_dispatch(request: Request, session: SessionDep, dispatch_id: UUID) -> DispatchOut:
    """Make the next attempt at once; only what is not there yet is sent."""
    return _out(await service.retry_now(request.app.state.wiring, session, dispatch_id))
