"""Bring a translated configuration to a server; what is there already is left as it is."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from scanhub.mercure.found import Found
from scanhub.remote import Server
from scanhub_libraries.errors import ScanHubError, UnavailableError
from scanhub_libraries.models import RuleIn
from scanhub_libraries.models.module import ModuleIn
from scanhub_libraries.models.routing_rule import RuleOptions
from scanhub_libraries.models.target import REVEAL, TargetDocument, secret_names

_PREFIX = "/api/v1/workflowmanager"


class Became(StrEnum):
    """What became of a target, a module or a rule."""

    MADE = "made"
    CHANGED = "changed"
    SAME = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Brought:
    """A target, a module, a rule, or their order, and what became of it."""

    what: str
    became: Became
    detail: str = ""


async def bring(found: Found, server: Server) -> AsyncIterator[Brought]:
    """Make or change what differs; doing it again changes nothing.

    Targets and modules come first: rules name them.
    """
    known = {row["name"]: row for row in await server.ask("GET", f"{_PREFIX}/targets")}
    for target in found.targets:
        yield await _bring_target(target, known.get(target.name), server)
    modules = {row["name"]: row for row in await server.ask("GET", f"{_PREFIX}/modules")}
    for module in found.modules:
        yield await _bring_module(module, modules.get(module.name), server)
    rules = {row["name"]: row for row in await server.ask("GET", f"{_PREFIX}/rules")}
    for rule in found.rules:
        yield await _bring_rule(rule, rules.get(rule.name), server)
    moved = await _bring_order(found, server)
    if moved is not None:
        yield moved


async def _bring_target(
    target: TargetDocument, known: dict[str, Any] | None, server: Server
) -> Brought:
    secrets = secret_names(type(target))
    plain = target.model_dump(mode="json", exclude=set(secrets))
    given = {name for name in secrets if getattr(target, name) is not None}
    what = f"target {target.name}"
    if known is not None and given <= set(known["secrets"]) and _same(plain, known):
        kept = f"{', '.join(sorted(given))} not compared" if given else ""
        return Brought(what, Became.SAME, kept)
    # A secret that is left out stays as it is.
    document = plain | {
        name: text
        for name, text in target.model_dump(mode="json", context=REVEAL).items()
        if name in given
    }
    return await _put(what, "targets", document, known, server)


async def _bring_module(module: ModuleIn, known: dict[str, Any] | None, server: Server) -> Brought:
    plain = module.model_dump(mode="json", exclude={"environment"})
    variables = sorted(module.environment or {})
    what = f"module {module.name}"
    if known is not None and variables == known["environment"] and _same(plain, known):
        kept = f"{', '.join(variables)} not compared" if variables else ""
        return Brought(what, Became.SAME, kept)
    document = plain | {"environment": module.model_dump(context=REVEAL)["environment"] or {}}
    return await _put(what, "modules", document, known, server)


async def _bring_rule(rule: RuleIn, known: dict[str, Any] | None, server: Server) -> Brought:
    document = rule.model_dump(mode="json", include={"name", *RuleOptions.model_fields})
    what = f"rule {rule.name}"
    if known is not None and _same(document, known):
        return Brought(what, Became.SAME)
    return await _put(
        what, "rules", {**document, "change_comment": "Moved over from mercure"}, known, server
    )


def _same(document: dict[str, Any], known: dict[str, Any]) -> bool:
    return all(key in known and known[key] == value for key, value in document.items())


async def _put(
    what: str,
    kind: str,
    document: dict[str, Any],
    known: dict[str, Any] | None,
    server: Server,
) -> Brought:
    try:
        if known is None:
            await server.ask("POST", f"{_PREFIX}/{kind}", json=document)
            return Brought(what, Became.MADE)
        # What somebody changes at this moment is not overwritten.
        await server.ask(
            "PUT",
            f"{_PREFIX}/{kind}/{document['name']}",
            json=document,
            headers={"If-Match": f'"{known["version"]}"'},
        )
    except UnavailableError:
        raise
    except ScanHubError as error:
        return Brought(what, Became.REFUSED, error.detail)
    return Brought(what, Became.CHANGED)


async def _bring_order(found: Found, server: Server) -> Brought | None:
    """Rules of other origin stay where they are; the others follow them as they are in the file."""
    names = [row["name"] for row in await server.ask("GET", f"{_PREFIX}/rules")]
    wanted = [rule.name for rule in found.rules if rule.name in names]
    if [name for name in names if name in wanted] == wanted:
        return None
    others = [name for name in names if name not in wanted]
    await server.ask("PUT", f"{_PREFIX}/rules-order", json={"names": [*others, *wanted]})
    return Brought("order of the rules", Became.CHANGED)
