"""What becomes of a series that is complete: decided once, written with what follows from it."""

import asyncio
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.errors import NotFoundError
from scanhub_libraries.events import Event, EventType
from scanhub_libraries.models import RoutingRule, RuleDecisionOut, RuleOutcome, RuleSelection
from workflow_manager.dicom.models import DicomSeries
from workflow_manager.dispatch.repository import list_targets
from workflow_manager.dispatch.service import dispatch_id_of, queue_dispatches
from workflow_manager.journal.service import own_event
from workflow_manager.routing_rules import repository
from workflow_manager.routing_rules.models import SeriesDecision, StoredRule
from workflow_manager.routing_rules.rules import select, targets_of
from workflow_manager.routing_rules.series_tags import tags_of

_NO_RULES_OWN = "There are no rules: images of our own scans go to every enabled target."
_NO_RULES = "There are no rules: images that were received go nowhere by themselves."


@dataclass(frozen=True)
class Routed:
    """What to start and to tell once a series was decided."""

    attempts: list[str]
    """`key@target` of every attempt to send."""
    events: list[Event]


def rule_of(row: StoredRule) -> RoutingRule:
    """Return a stored rule as it is evaluated."""
    return RoutingRule.model_validate({**row.document, "name": row.name})


async def route_series(
    session: AsyncSession, series: DicomSeries, *, instances: int, anew: bool
) -> Routed:
    """Decide for a series and queue it for its targets, in the transaction that completes it.

    Decision, dispatches and events are committed together, or none of them; repeating it gives the
    decision that is there.

    Args:
        session: The transaction.
        series: Complete by now.
        instances: How many images it has.
        anew: It has just become complete: images that came late are decided on again.
    """
    decision = await repository.last_decision(session, series.id)
    events: list[Event] = []
    if decision is None or anew:
        decision = await _decide(session, series, 1 if decision is None else decision.number + 1)
        session.add(decision)
        await session.flush()
        if decision.selection is not None:
            events.append(_event(series, decision))
    attempts, queued = await queue_dispatches(
        session, series, instances=instances, targets=decision.targets
    )
    return Routed(attempts, [*events, *queued])


async def _decide(session: AsyncSession, series: DicomSeries, number: int) -> SeriesDecision:
    rows = await repository.list_rules(session)
    if not rows:
        return await _without_rules(session, series, number)
    ((_, instance),) = await repository.list_with_an_instance(session, series_id=series.id)
    rules = [rule_of(row) for row in rows]
    selection = await asyncio.to_thread(select, rules, tags_of(series, instance))
    return SeriesDecision(
        series_id=series.id,
        number=number,
        discarded=selection.discarded,
        reason=selection.reason,
        selection=selection.model_dump(mode="json"),
        rule_versions={row.name: row.version for row in rows},
        targets=targets_of(selection),
    )


async def _without_rules(session: AsyncSession, series: DicomSeries, number: int) -> SeriesDecision:
    own = series.task_id is not None
    enabled = await list_targets(session, enabled_only=True) if own else []
    return SeriesDecision(
        series_id=series.id,
        number=number,
        discarded=False,
        reason=_NO_RULES_OWN if own else _NO_RULES,
        targets=[target.name for target in enabled],
    )


def _event(series: DicomSeries, decision: SeriesDecision) -> Event:
    """Tell of a decision: names of rules and targets, no value of a tag."""
    selection = RuleSelection.model_validate(decision.selection)
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
    return RuleDecisionOut(
        **decision.model_dump(exclude={"id", "series_id"}),
        series_instance_uid=series.series_instance_uid,
        dispatch_ids=[dispatch_id_of(series.id, target) for target in decision.targets],
    )
