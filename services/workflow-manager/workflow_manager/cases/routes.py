"""Routes of cases: looked at, completed, discarded, sent again."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.models import CaseDetail, CaseOut
from scanhub_libraries.models.case import CaseKindName, CaseStateName
from scanhub_libraries.models.fields import ShortText
from scanhub_libraries.web import PrincipalDep, SessionDep
from workflow_manager.cases import actions, repository, service
from workflow_manager.cases.models import Case
from workflow_manager.cases.rules import CaseWish
from workflow_manager.dispatch.rules import OffPeak

router = APIRouter(prefix="/api/v1/workflowmanager", tags=["cases"])
_Text = Annotated[ShortText | None, Query()]
CaseId = Annotated[UUID, Path(description="Id of the case")]


def _window(request: Request) -> OffPeak:
    window: OffPeak = request.app.state.wiring.settings.offpeak
    return window


async def _one(request: Request, session: AsyncSession, case: Case) -> CaseOut:
    return (await service.describe_all(session, [case], _window(request)))[0]


@router.get("/cases", summary="List cases")
async def list_cases(
    request: Request,
    session: SessionDep,
    *,
    state: Annotated[CaseStateName | None, Query(description="Only in this state")] = None,
    kind: Annotated[CaseKindName | None, Query(description="Of a series, or of a study")] = None,
    rule: Annotated[ShortText | None, Query(description="Only of this rule")] = None,
    study_instance_uid: _Text = None,
    series_instance_uid: _Text = None,
    exam_id: UUID | None = None,
    text: Annotated[
        ShortText | None,
        Query(description="Part of the patient's name or ID, of the study or the rule"),
    ] = None,
    before: Annotated[UUID | None, Query(description="Only cases older than this one")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[CaseOut]:
    """Return cases, newest first; the next page begins `before` the last one of this."""
    wanted = {"state": state, "kind": kind, "rule": rule, "exam_id": exam_id}
    cases = await repository.list_cases(
        session,
        wanted={**wanted, "study_instance_uid": study_instance_uid},
        series_instance_uid=series_instance_uid,
        before=before,
        limit=limit,
        text=text,
    )
    return await service.describe_all(session, cases, _window(request))


@router.get("/cases/{case_id}", summary="Return a case with its timeline")
async def get_case(request: Request, session: SessionDep, case_id: CaseId) -> CaseDetail:
    """Return a case with its series, what is sent for it, and all that happened."""
    case = await service.get_case(session, case_id)
    return await service.describe_whole(session, case, _window(request))


@router.post("/cases/{case_id}/complete", summary="Wait no longer for a study")
async def complete_case(
    request: Request, session: SessionDep, principal: PrincipalDep, case_id: CaseId
) -> CaseOut:
    """Complete a study case: at once, or as soon as none of its series arrives any more."""
    case = await actions.wish_for(
        session, request.app.state.wiring, case_id, CaseWish.COMPLETE, actor=principal.actor
    )
    return await _one(request, session, case)


@router.post("/cases/{case_id}/discard", summary="Discard a case that waits or failed")
async def discard_case(
    request: Request, session: SessionDep, principal: PrincipalDep, case_id: CaseId
) -> CaseOut:
    """Send nothing of it: at once, or as soon as nothing arrives any more. Its files stay."""
    case = await actions.wish_for(
        session, request.app.state.wiring, case_id, CaseWish.DISCARD, actor=principal.actor
    )
    return await _one(request, session, case)


@router.post("/cases/{case_id}/retry", summary="Try again what has failed for a case")
async def retry_case(
    request: Request, session: SessionDep, principal: PrincipalDep, case_id: CaseId
) -> CaseOut:
    """Go on with the module that failed; or send at once what a target has not got."""
    case = await actions.retry_case(
        session, request.app.state.wiring, case_id, actor=principal.actor
    )
    return await _one(request, session, case)


@router.post("/series/{series_instance_uid}/complete", summary="Wait no longer for a series")
async def complete_series(
    request: Request, session: SessionDep, series_instance_uid: Annotated[ShortText, Path()]
) -> list[CaseOut]:
    """Take it that nothing more comes of it; return its cases, newest first."""
    cases = await actions.complete_series_now(
        session, request.app.state.wiring, series_instance_uid
    )
    return await service.describe_all(session, cases, _window(request))
