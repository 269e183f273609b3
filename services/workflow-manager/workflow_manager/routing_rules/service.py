"""Rules: stored, changed, ordered, taken back; each change a version with who made it and why."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.clock import utc_now
from scanhub_libraries.errors import ConflictError, NotFoundError, UnprocessableError
from scanhub_libraries.events import EventType
from scanhub_libraries.models import (
    RuleDryRunIn,
    RuleDryRunOut,
    RuleIn,
    RuleOptions,
    RuleOut,
    RulePlace,
    RuleTestOut,
    RuleVersionOut,
)
from workflow_manager.changes import changes_between
from workflow_manager.history import read_again
from workflow_manager.journal.service import append, own_event
from workflow_manager.modules.repository import list_modules
from workflow_manager.processing.chain_rules import chain_problems
from workflow_manager.processing.rules import misplaced_gates, unknown_modules
from workflow_manager.routing_rules import repository
from workflow_manager.routing_rules.evaluation import Verdict
from workflow_manager.routing_rules.known_jobs import KnownJobs
from workflow_manager.routing_rules.models import RuleChange, RuleVersion, StoredRule
from workflow_manager.routing_rules.places import Place
from workflow_manager.routing_rules.rules import problems_of, tags_out
from workflow_manager.routing_rules.series_tags import tags_of
from workflow_manager.targets.repository import list_targets

_MOST_RULES = 500
_NONE: KnownJobs = {}
_EVENTS = {
    RuleChange.CREATED: EventType.RULE_CREATED,
    RuleChange.UPDATED: EventType.RULE_UPDATED,
    RuleChange.REVERTED: EventType.RULE_UPDATED,
    RuleChange.DELETED: EventType.RULE_DELETED,
}


async def describe_all(session: AsyncSession, rows: Sequence[StoredRule]) -> list[RuleOut]:
    """Return stored rules as they are told."""
    fired = await repository.last_fired(session)
    return [
        RuleOut.model_validate(
            {
                **row.document,
                **row.model_dump(exclude={"document"}),
                "last_fired_at": fired.get(row.name),
            }
        )
        for row in rows
    ]


def describe_version(row: RuleVersion) -> RuleVersionOut:
    """Return a version of a rule as it is told."""
    return RuleVersionOut.model_validate({**row.model_dump(), "change": row.change.value})


async def get_rule(session: AsyncSession, name: str, *, lock: bool = False) -> StoredRule:
    """Return a rule; `lock` to change it."""
    row = await session.get(StoredRule, name, with_for_update=lock, populate_existing=lock)
    if row is None:
        raise NotFoundError(f"There is no rule {name[:200]!r}.")
    return row


async def create_rule(
    session: AsyncSession, wanted: RuleIn, *, author: str, jobs: KnownJobs = _NONE
) -> StoredRule:
    """Store a rule, the last one in the order.

    Args:
        session: The transaction.
        wanted: The rule.
        author: Who makes it, for the history.
        jobs: Those of the installation, if it names modules that are jobs.
    """
    rows = await repository.list_rules(session)
    if any(row.name == wanted.name for row in rows):
        raise ConflictError(f"There is a rule {wanted.name!r} already.")
    if len(rows) >= _MOST_RULES:
        raise ConflictError(f"There are {_MOST_RULES} rules already: that is the most.")
    document = await _checked(session, wanted, jobs)
    row = StoredRule(
        name=wanted.name,
        position=rows[-1].position + 1 if rows else 0,
        document=document,
        version=1 + await repository.HISTORY.last_version(session, wanted.name),
    )
    session.add(row)
    await _record(session, row, RuleChange.CREATED, author=author, comment=wanted.change_comment)
    return row


async def replace_rule(
    session: AsyncSession,
    row: StoredRule,
    wanted: RuleIn,
    *,
    author: str,
    jobs: KnownJobs = _NONE,
) -> StoredRule:
    """Change a rule; what equals the rule in force makes no new version."""
    if wanted.name != row.name:
        raise ConflictError("A rule keeps its name: make a new one and delete this one.")
    document = await _checked(session, wanted, jobs)
    if document != row.document:
        await _put(
            session,
            row,
            document,
            change=RuleChange.UPDATED,
            author=author,
            comment=wanted.change_comment,
        )
    return row


async def revert_rule(
    session: AsyncSession,
    row: StoredRule,
    version: int,
    *,
    author: str,
    comment: str,
    jobs: KnownJobs = _NONE,
) -> StoredRule:
    """Take an older version up again, as a new one.

    Raises:
        NotFoundError: There is no such version.
        UnprocessableError: It cannot be stored any more; every reason is named with its option.
    """
    older = await repository.HISTORY.get_version(session, row.name, version)
    wanted = read_again(RuleOptions, older.document, version)
    document = await _checked(session, wanted, jobs)
    if document != row.document:
        why = comment or f"Version {version} again."
        await _put(session, row, document, change=RuleChange.REVERTED, author=author, comment=why)
    return row


async def delete_rule(session: AsyncSession, row: StoredRule, *, author: str) -> None:
    """Delete a rule; its versions stay."""
    row.version += 1
    await _record(session, row, RuleChange.DELETED, author=author, comment="")
    await session.delete(row)
    await session.flush()


async def reorder_rules(session: AsyncSession, names: Sequence[str]) -> Sequence[StoredRule]:
    """Put the rules into another order.

    Raises:
        ConflictError: The names are not those of all rules: some were made or deleted meanwhile.
    """
    rows = {row.name: row for row in await repository.list_rules(session, lock=True)}
    if sorted(names) != sorted(rows):
        raise ConflictError("names: name every rule once; read the list again.")
    before = list(rows)
    if list(names) != before:
        for position, name in enumerate(names):
            rows[name].position = position
        await session.flush()
        data = {"before": before, "after": list(names)}
        await append(session, [own_event(EventType.RULE_REORDERED, "rules", data)])
    return [rows[name] for name in names]


async def dry_run(session: AsyncSession, draft: RuleDryRunIn) -> list[tuple[dict[str, Any], Any]]:
    """Return what is known of the series received last, each with its tags."""
    found = await repository.list_with_an_instance(session, limit=draft.series)
    return [(series.model_dump(), tags_of(series, instance)) for series, instance in found]


async def series_tags(session: AsyncSession, series_instance_uid: str) -> dict[str, str]:
    """Return the tags of a series as rules see them."""
    found = await repository.find_with_an_instance(session, series_instance_uid)
    if found is None:
        raise NotFoundError(f"There is no series {series_instance_uid[:64]!r}.")
    return tags_of(*found)


def describe_test(verdict: Verdict, flaw: tuple[str, Place | None] | None = None) -> RuleTestOut:
    """Return what came of an expression as it is told.

    Args:
        verdict: What came of it with the tags that were given.
        flaw: What is wrong with it whatever the tags are, and where.
    """
    place = verdict.place if flaw is None else flaw[1]
    return RuleTestOut(
        triggered=verdict.triggered,
        error=verdict.error,
        problem=None if flaw is None else flaw[0],
        place=None if place is None else RulePlace(start=place[0], end=place[1]),
        missing=verdict.missing,
        tags_accessed=tags_out(verdict),
    )


def describe_dry_run(series: dict[str, Any], verdict: Verdict) -> RuleDryRunOut:
    """Return what a draft would have done with a series as it is told."""
    return RuleDryRunOut.model_validate({**series, "result": describe_test(verdict)})


async def _checked(
    session: AsyncSession, wanted: RuleOptions, jobs: KnownJobs = _NONE
) -> dict[str, Any]:
    """Return the document of a rule that can be stored.

    Raises:
        UnprocessableError: It cannot; every reason is named with its option.
    """
    problems = list(problems_of(wanted))
    known = {target.name for target in await list_targets(session)}
    problems += [("target", f"There is no target {t!r}.") for t in wanted.target if t not in known]
    dynamic = {*wanted.dynamic_routing_allowed_targets, wanted.conditional_alternate_target} - {""}
    problems += [
        ("dynamic_routing_allowed_targets", f"There is no target {t!r}.")
        for t in sorted(dynamic - known)
    ]
    modules = {module.name: module.document for module in await list_modules(session)}
    problems += unknown_modules(wanted, modules)
    problems += misplaced_gates(wanted)
    problems += chain_problems(wanted, modules, jobs)
    if problems:
        raise UnprocessableError(
            "; ".join(f"{field}: {why}" for field, why in problems),
            field=problems[0][0],
            problems=[{"field": field, "problem": why} for field, why in problems],
        )
    return RuleOptions.model_validate(wanted.model_dump()).model_dump(mode="json")


async def _put(
    session: AsyncSession,
    row: StoredRule,
    document: dict[str, Any],
    *,
    change: RuleChange,
    author: str,
    comment: str,
) -> None:
    before, row.document = row.document, document
    row.version += 1
    row.updated_at = utc_now()
    changed = [item.field for item in changes_between(before, document)]
    await _record(session, row, change, author=author, comment=comment, changed=changed)


async def _record(
    session: AsyncSession,
    row: StoredRule,
    change: RuleChange,
    *,
    author: str,
    comment: str,
    changed: Sequence[str] = (),
) -> None:
    version = RuleVersion(
        name=row.name,
        version=row.version,
        change=change,
        document=row.document,
        author=author,
        comment=comment,
    )
    session.add(version)
    await session.flush()
    data = {
        "name": row.name,
        "version": row.version,
        "change": change.value,
        "author": author,
        "comment": comment,
        "changed": list(changed),
    }
    await append(session, [own_event(_EVENTS[change], row.name[:128], data)])
