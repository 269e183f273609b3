"""Which rules name a target or a module: it cannot be deleted meanwhile."""

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.errors import ConflictError
from scanhub_libraries.models import RuleOptions
from workflow_manager.routing_rules.repository import list_rules


async def rules_that_name(session: AsyncSession, target: str) -> list[str]:
    """Return the rules that send to a target, or may do so; disabled ones too."""
    names = []
    for row in await list_rules(session):
        rule = RuleOptions.model_validate(row.document)
        dynamic = {*rule.dynamic_routing_allowed_targets, rule.conditional_alternate_target}
        if target in {*rule.target, *dynamic}:
            names.append(row.name)
    return names


async def check_unnamed(session: AsyncSession, target: str) -> None:
    """Refuse to take a target away from the rules that name it.

    Raises:
        ConflictError: Rules do; their names are in `rules`.
    """
    rules = await rules_that_name(session, target)
    if rules:
        raise ConflictError(
            f"Rules name target {target!r}: {', '.join(rules)}. Change or delete them first.",
            rules=rules,
        )


async def check_unused(session: AsyncSession, module: str) -> None:
    """Refuse to take a processing module away from the rules that name it.

    Raises:
        ConflictError: Rules do; their names are in `rules`.
    """
    rules = [
        row.name
        for row in await list_rules(session)
        if module in RuleOptions.model_validate(row.document).processing_module
    ]
    if rules:
        raise ConflictError(
            f"Rules name module {module!r}: {', '.join(rules)}. Change or delete them first.",
            rules=rules,
        )
