"""Route of what comes of what a rule decided."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from scanhub_libraries.clock import utc_now
from scanhub_libraries.models import RuleOptions
from scanhub_libraries.models.rule_flow import RuleFlowOut
from scanhub_libraries.web import SessionDep
from workflow_manager.routing_rules import service
from workflow_manager.routing_rules.flow import flow_of
from workflow_manager.routing_rules.routes import RuleNamePath

router = APIRouter(prefix="/api/v1/workflowmanager", tags=["rules"])


@router.get("/rules/{rule_name}/flow", summary="Count where the cases of a rule are")
async def get_rule_flow(
    session: SessionDep,
    rule_name: RuleNamePath,
    hours: Annotated[
        int, Query(ge=1, le=720, description="Cases that came in the last so many hours [h]")
    ] = 24,
) -> RuleFlowOut:
    """Return how much came, how far it is in each module, at each target, and what failed.

    Cases that have not ended count however old they are; of their runs the last one counts.
    """
    row = await service.get_rule(session, rule_name)
    rule = RuleOptions.model_validate(row.document)
    return await flow_of(session, rule_name, rule, utc_now() - timedelta(hours=hours))
