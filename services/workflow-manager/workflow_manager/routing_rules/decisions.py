"""What becomes of a series that is complete: decided once, written with what follows from it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.clock import utc_now
from scanhub_libraries.errors import NotFoundError
from scanhub_libraries.events import Event, EventType
from scanhub_libraries.models import RoutingRule, RuleDecisionOut, RuleOutcome, RuleSelection
from workflow_manager.dicom.models import DicomSeries
from workflow_manager.dispatch.service import dispatch_id_of
from workflow_manager.journal.service import own_event
from workflow_manager.routing_rules import repository
from workflow_manager.routing_rules.models import SeriesDecision, StoredRule, TemporaryRule
from workflow_manager.routing_rules.rules import FORCED_RULE, select, targets_of
from workflow_manager.routing_rules.series_tags import tags_of
from workflow_manager.targets.repository import list_targets

_NO_RULES_OWN = "There are no rules: images of our own scans go to every enabled target."
_NO_RULES = "There are no rules: images that were received go nowhere by themselves."


@dataclass(frozen=True, slots=True)
class Considered:
    """What the rules in force say of a series, before it is decided."""

    selection: RuleSelection | None
    """None: there are no rules."""
    rules: Mapping[str, tuple[RoutingRule, int]]
    """Each rule with its version."""


def rule_of(row: StoredRule | TemporaryRule) -> RoutingRule:
    """Return a stored rule as it is evaluated."""
    return RoutingRule.model_validate({**row.document, "name": row.name})


async def consider(session: AsyncSession, series_ids: Sequence[UUID]) -> dict[UUID, Considered]:
    """Evaluate the rules for series; a session that only reads will do.

    A series with a rule of its own meets no other, and that rule no other series.
    """
    own = await repository.temporary_rules_of(session, series_ids)
    series_ids = [id_ for id_ in series_ids if id_ not in own]
    rows = await repository.list_rules(session)
    in_force = {row.name: (rule_of(row), row.version) for row in rows}
    found = dict.fromkeys(series_ids, Considered(None, {}))
    if rows and series_ids:
        found = await _consider(session, series_ids, in_force)
    for id_, row in own.items():
        found |= await _consider(session, [id_], {row.name: (rule_of(row), 1)})
    return found


async def _consider(
    session: AsyncSession,
    series_ids: Sequence[UUID],
    in_force: Mapping[str, tuple[RoutingRule, int]],
) -> dict[UUID, Considered]:
    found = await repository.list_with_an_instance(
        session, series_ids=series_ids, limit=len(series_ids)
    )
    awaited = await repository.awaited_rules_of(session, series_ids, utc_now())
    forced = {id_: {FORCED_RULE: rule} for id_, rule in awaited.items()}
    tags = [
        (series.id, tags_of(series, instance) | forced.get(series.id, {}))
        for series, instance in found
    ]
    rules = [rule for rule, _ in in_force.values()]

    def select_all() -> dict[UUID, Considered]:
        return {id_: Considered(select(rules, values), in_force) for id_, values in tags}

    return await asyncio.to_thread(select_all)


async def record_decision(
    session: AsyncSession, series: DicomSeries, considered: Considered
) -> tuple[SeriesDecision, list[Event]]:
    """Write down what was decided, in the transaction that completes the series."""
    last = await repository.last_decision(session, series.id)
    number = 1 if last is None else last.number + 1
    selection = considered.selection
    if selection is None:
        decision = await _without_rules(session, series, number)
    else:
        decision = SeriesDecision(
            series_id=series.id,
            number=number,
            discarded=selection.discarded,
            reason=selection.reason,
            selection=selection.model_dump(mode="json"),
            rule_versions={name: version for name, (_, version) in considered.rules.items()},
            targets=targets_of(selection),
        )
    session.add(decision)
    await session.flush()
    return decision, [_event(series, decision, selection)] if selection is not None else []


async def _without_rules(session: AsyncSession, series: DicomSeries, number: int) -> SeriesDecision:
    own = series.task_id is not None
    enabled = await list_targets(session, enabled_only=True) if own else []
    enabled = [target for target in enabled if target.document.get("direction") != "pull"]
    return SeriesDecision(
        series_id=series.id,
        number=number,
        discarded=False,
        reason=_NO_RULES_OWN if own else _NO_RULES,
        targets=[target.name for target in enabled],
    )


def _event(series: DicomSeries, decision: SeriesDecision, selection: RuleSelection) -> Event:
    """Tell of a decision: names of rules and targets, no value of a tag."""
    data: dict[str, Any] = {
        "series_instance_uid": series.series_instance_uid,
        "study_instance_uid": series.study_instance_uid,
        "task_id": str(series.task_id) if series.task_id else None,
        "exam_id": str(series.exam_id) if series.exam_id else None,
        "number": decision.number,
        "discarded": decision.discarded,
        "reason": decision.reason,
        "targets": decision.targets,
        "fired": [f.name for f in selection.rules if f.outcome is RuleOutcome.FIRED],
        "would_fire": [f.name for f in selection.rules if f.outcome is RuleOutcome.WOULD_FIRE],
        "errors": [f.name for f in selection.rules if f.outcome is RuleOutcome.ERROR],
    }
    return own_event(EventType.SERIES_DECIDED, series.series_instance_uid, data)


async def describe_decision(session: AsyncSession, series_instance_uid: str) -> RuleDecisionOut:
    """Return what was decided last for a series.

    Raises:
        NotFoundError: Nothing was: there is no such series, or it is not complete.
    """
    found = await repository.find_decision(session, series_instance_uid)
    if found is None:
        raise NotFoundError(
            f"Nothing was decided for series {series_instance_uid[:64]}: either there is none, or "
            "it is not complete yet."
        )
    series, decision = found
    return decision_out(decision, series.series_instance_uid)


def decision_out(decision: SeriesDecision, series_instance_uid: str) -> RuleDecisionOut:
    """Return a decision as it is told."""
    return RuleDecisionOut(
        **decision.model_dump(exclude={"id", "series_id"}),
        series_instance_uid=series_instance_uid,
        dispatch_ids=[dispatch_id_of(decision.series_id, target) for target in decision.targets],
    )
