"""The route that tells why a series went where it went."""

from typing import Annotated

from fastapi import APIRouter, Path

from scanhub_libraries.models import RuleDecisionOut
from scanhub_libraries.models.fields import ShortText
from scanhub_libraries.web import SessionDep
from workflow_manager.routing_rules.decisions import describe_decision

router = APIRouter(prefix="/api/v1/workflowmanager", tags=["rules"])


@router.get(
    "/series/{series_instance_uid}/decision", summary="Tell why a series goes where it does"
)
async def get_series_decision(
    session: SessionDep, series_instance_uid: Annotated[ShortText, Path()]
) -> RuleDecisionOut:
    """Return what was decided last: every rule, whether it fired and why, and the targets."""
    return await describe_decision(session, series_instance_uid)
