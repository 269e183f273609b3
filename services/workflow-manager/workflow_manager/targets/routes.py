"""Routes of targets."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from scanhub_libraries.database import transaction
from scanhub_libraries.models import TargetIn, TargetOut, TargetTest
from scanhub_libraries.models.fields import ShortText
from scanhub_libraries.versions import check_version, etag
from scanhub_libraries.web import IfMatchDep, SessionDep
from workflow_manager.dispatch.service import remove_target
from workflow_manager.targets import repository, service
from workflow_manager.targets.models import Target
from workflow_manager.wiring import Wiring

router = APIRouter(prefix="/api/v1/workflowmanager", tags=["targets"])
TargetName = Annotated[ShortText, Path()]


async def _out(session: SessionDep, target: Target, response: Response) -> TargetOut:
    response.headers.update(etag(target.version))
    return service.describe(target, (await repository.pauses(session)).get(target.name))


@router.get("/targets", summary="List where images are sent to")
async def list_targets(session: SessionDep) -> list[TargetOut]:
    """Return all targets by name; never their secrets."""
    paused = await repository.pauses(session)
    rows = await repository.list_targets(session)
    return [service.describe(row, paused.get(row.name)) for row in rows]


@router.post("/targets", status_code=201, summary="Configure a target")
async def create_target(
    request: Request, session: SessionDep, target: TargetIn, response: Response
) -> TargetOut:
    """Without rules, a target that is enabled gets every series of our own scans."""
    wiring: Wiring = request.app.state.wiring
    box, lake = wiring.secret_box, wiring.lake
    row = await service.create_target(session, target, box=box, lake=lake)
    return await _out(session, row, response)


@router.get("/targets/{name}", summary="Return a target")
async def get_target(session: SessionDep, name: TargetName, response: Response) -> TargetOut:
    """Return the settings of a target; never its secrets."""
    return await _out(session, await service.get_target(session, name), response)


@router.put("/targets/{name}", summary="Change a target")
async def replace_target(
    request: Request,
    session: SessionDep,
    name: TargetName,
    target: TargetIn,
    *,
    response: Response,
    if_match: IfMatchDep = None,
) -> TargetOut:
    """Replace the settings of a target; what waits is sent with the new ones.

    A secret that is left out stays as it is; null removes it.
    """
    wiring: Wiring = request.app.state.wiring
    row = await service.get_target(session, name, lock=True)
    check_version(if_match, row.version)
    box, lake = wiring.secret_box, wiring.lake
    row = await service.replace_target(session, row, target, box=box, lake=lake)
    return await _out(session, row, response)


@router.delete("/targets/{name}", status_code=204, summary="Delete a target")
async def delete_target(
    request: Request, session: SessionDep, name: TargetName, if_match: IfMatchDep = None
) -> None:
    """Delete a target; what was on its way there ends, with a reason."""
    row = await service.get_target(session, name, lock=True)
    check_version(if_match, row.version)
    await remove_target(request.app.state.wiring, session, row)


@router.post("/targets/{name}/test", summary="Test the connection to a target")
async def test_target(request: Request, session: SessionDep, name: TargetName) -> TargetTest:
    """Try it step by step; the answer says which step failed, and why. The health tells it too."""
    wiring: Wiring = request.app.state.wiring
    target = await service.get_target(session, name)
    document, version = service.document_of(target, wiring.secret_box), target.version
    await session.commit()  # a target that does not answer must not hold a transaction open
    found = await service.test_target(wiring.senders.make(document))
    async with transaction(wiring.sessions) as another:
        await service.note_test(another, name, version, found)
    return found
