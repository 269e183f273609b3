"""Routes of self-tests."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Path, Query, Request

from scanhub_libraries.models.selftest import SelfTestIn, SelfTestOut
from scanhub_libraries.web import PrincipalDep, SessionDep
from workflow_manager.selftest import service

router = APIRouter(prefix="/api/v1/workflowmanager/selftests", tags=["selftests"])


@router.post("", status_code=202, summary="Begin a self-test")
async def begin_selftest(
    request: Request,
    session: SessionDep,
    principal: PrincipalDep,
    background: BackgroundTasks,
    wanted: SelfTestIn,
) -> SelfTestOut:
    """Send synthetic images through listener, index, rule and dispatch; look how far it came."""
    test = await service.begin(session, wanted, actor=principal.actor)
    background.add_task(request.app.state.selftests.run, test)
    return SelfTestOut.model_validate(test)


@router.get("", summary="List self-tests")
async def list_selftests(
    session: SessionDep, limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> list[SelfTestOut]:
    """Return self-tests, newest first; the last hundred are remembered."""
    return [SelfTestOut.model_validate(row) for row in await service.list_selftests(session, limit)]


@router.get("/{selftest_id}", summary="Look how a self-test goes")
async def get_selftest(
    session: SessionDep, selftest_id: Annotated[UUID, Path(description="Id of the self-test")]
) -> SelfTestOut:
    """Return the steps that have ended, each with its time."""
    return SelfTestOut.model_validate(await service.get_selftest(session, selftest_id))
