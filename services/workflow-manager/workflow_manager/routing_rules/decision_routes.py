"""Routes that tell why a series went where it went, and what a rule may ask."""

from typing import Annotated

from fastapi import APIRouter, Path, Request

from scanhub_libraries.models import RuleDecisionOut, RuleVocabulary, SeriesTags
from scanhub_libraries.models.fields import ShortText
from scanhub_libraries.web import SessionDep
from workflow_manager.dicom.tags import KEPT_TAGS
from workflow_manager.routing_rules import service
from workflow_manager.routing_rules.decisions import describe_decision
from workflow_manager.routing_rules.functions import NAMES, functions_of
from workflow_manager.routing_rules.series_tags import OWN_TAGS
from workflow_manager.routing_rules.tags import AnyTags

router = APIRouter(prefix="/api/v1/workflowmanager", tags=["rules"])


@router.get(
    "/series/{series_instance_uid}/decision", summary="Tell why a series goes where it does"
)
async def get_series_decision(
    session: SessionDep, series_instance_uid: Annotated[ShortText, Path()]
) -> RuleDecisionOut:
    """Return what was decided last: every rule, whether it fired and why, and the targets."""
    return await describe_decision(session, series_instance_uid)


@router.get("/series/{series_instance_uid}/tags", summary="Return the tags that rules see")
async def get_series_tags(
    session: SessionDep, series_instance_uid: Annotated[ShortText, Path()]
) -> SeriesTags:
    """Return the tags of one image of a series, as a rule sees them; what is absent is empty."""
    return SeriesTags(tags=await service.series_tags(session, series_instance_uid))


@router.get("/rules-vocabulary", summary="List what a rule may name")
async def get_rule_vocabulary(request: Request) -> RuleVocabulary:
    """Return the tags that are kept and the functions, for whoever writes a rule."""
    functions = sorted({*NAMES, *functions_of(AnyTags({}))})
    extra = request.app.state.wiring.settings.dicom_extra_tags
    return RuleVocabulary(tags=sorted({*KEPT_TAGS, *OWN_TAGS, *extra}), functions=functions)
