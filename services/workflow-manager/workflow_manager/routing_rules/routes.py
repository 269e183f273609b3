"""Routes of rules and their history."""

from typing import Annotated

from fastapi import APIRouter, Body, Path, Request, Response
from pydantic import Field

from scanhub_libraries.models import (
    ParameterChange,
    RuleIn,
    RuleOrder,
    RuleOut,
    RuleRevert,
    RuleVersionOut,
)
from scanhub_libraries.models.fields import ShortText
from scanhub_libraries.version_parameters import (
    LARGEST_VERSION,
    AfterVersion,
    EarlierVersion,
    LaterVersion,
    VersionLimit,
)
from scanhub_libraries.versions import check_version, etag
from scanhub_libraries.web import IfMatchDep, PrincipalDep, SessionDep
from workflow_manager.routing_rules import repository, service
from workflow_manager.routing_rules.known_jobs import jobs_of_version, known_jobs
from workflow_manager.routing_rules.models import StoredRule

router = APIRouter(prefix="/api/v1/workflowmanager", tags=["rules"])
RuleNamePath = Annotated[ShortText, Path(description="Name of the rule")]
Version = Annotated[int, Field(ge=1, le=LARGEST_VERSION, description="Version of the rule")]


async def _out(session: SessionDep, row: StoredRule, response: Response) -> RuleOut:
    response.headers.update(etag(row.version))
    return (await service.describe_all(session, [row]))[0]


@router.get("/rules", summary="List the rules in their order")
async def list_rules(session: SessionDep) -> list[RuleOut]:
    """Return the rules in the order in which they are looked at."""
    return await service.describe_all(session, await repository.list_rules(session))


@router.post("/rules", status_code=201, summary="Make a rule")
async def create_rule(
    request: Request,
    session: SessionDep,
    rule: RuleIn,
    *,
    principal: PrincipalDep,
    response: Response,
) -> RuleOut:
    """Store a rule, the last one in the order; what this server cannot do is refused."""
    jobs = await known_jobs(request.app.state.wiring, rule)
    row = await service.create_rule(session, rule, author=principal.actor, jobs=jobs)
    return await _out(session, row, response)


@router.put("/rules-order", summary="Put the rules into another order")
async def reorder_rules(session: SessionDep, order: RuleOrder) -> list[RuleOut]:
    """Name every rule once, in the order in which they are to be looked at."""
    return await service.describe_all(session, await service.reorder_rules(session, order.names))


@router.get("/rules/{rule_name}", summary="Return a rule")
async def get_rule(session: SessionDep, rule_name: RuleNamePath, response: Response) -> RuleOut:
    """Return the rule that is in force."""
    return await _out(session, await service.get_rule(session, rule_name), response)


@router.put("/rules/{rule_name}", summary="Change a rule")
async def replace_rule(
    request: Request,
    session: SessionDep,
    rule_name: RuleNamePath,
    rule: RuleIn,
    *,
    principal: PrincipalDep,
    response: Response,
    if_match: IfMatchDep = None,
) -> RuleOut:
    """Replace all options of a rule; what was decided before stays as it was."""
    jobs = await known_jobs(request.app.state.wiring, rule)
    row = await service.get_rule(session, rule_name, lock=True)
    check_version(if_match, row.version)
    row = await service.replace_rule(session, row, rule, author=principal.actor, jobs=jobs)
    return await _out(session, row, response)


@router.delete("/rules/{rule_name}", status_code=204, summary="Delete a rule")
async def delete_rule(
    session: SessionDep,
    rule_name: RuleNamePath,
    principal: PrincipalDep,
    if_match: IfMatchDep = None,
) -> None:
    """Delete a rule; its versions can still be read."""
    row = await service.get_rule(session, rule_name, lock=True)
    check_version(if_match, row.version)
    await service.delete_rule(session, row, author=principal.actor)


@router.get("/rules/{rule_name}/versions", summary="List the versions of a rule")
async def list_rule_versions(
    session: SessionDep,
    rule_name: RuleNamePath,
    limit: VersionLimit = 50,
    after: AfterVersion = None,
) -> list[RuleVersionOut]:
    """Return who changed a rule, when and why, newest first; also of one that was deleted."""
    rows = await repository.HISTORY.list_versions(session, rule_name, limit=limit, before=after)
    return [service.describe_version(row) for row in rows]


@router.get("/rules/{rule_name}/versions/{version}", summary="Return one version of a rule")
async def get_rule_version(
    session: SessionDep, rule_name: RuleNamePath, version: Version
) -> RuleVersionOut:
    """Return the rule as it was."""
    row = await repository.HISTORY.get_version(session, rule_name, version)
    return service.describe_version(row)


@router.get("/rules/{rule_name}/diff", summary="Compare two versions of a rule")
async def compare_rule_versions(
    session: SessionDep,
    rule_name: RuleNamePath,
    before: EarlierVersion,
    after: LaterVersion,
) -> list[ParameterChange]:
    """Return each option that differs, with both values."""
    return await repository.HISTORY.compare(session, rule_name, before, after)


@router.post("/rules/{rule_name}/versions/{version}/revert", summary="Go back to a version")
async def revert_rule(
    request: Request,
    session: SessionDep,
    rule_name: RuleNamePath,
    version: Version,
    *,
    principal: PrincipalDep,
    response: Response,
    given: Annotated[RuleRevert | None, Body()] = None,
    if_match: IfMatchDep = None,
) -> RuleOut:
    """Put an older version in force, as a new version; it has to be valid by now."""
    jobs = await jobs_of_version(request.app.state.wiring, rule_name, version)
    row = await service.get_rule(session, rule_name, lock=True)
    check_version(if_match, row.version)
    comment = given.comment if given is not None else ""
    row = await service.revert_rule(
        session, row, version, author=principal.actor, comment=comment, jobs=jobs
    )
    return await _out(session, row, response)
