"""Where the cases of a rule are, counted in the database."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from scanhub_libraries.models import RuleOptions
from scanhub_libraries.models.rule_flow import (
    FlowGateOut,
    FlowReviewOut,
    FlowStepOut,
    FlowTargetOut,
    FlowTellingOut,
    RuleFlowOut,
)
from workflow_manager.cases.models import Case, CaseDispatch, CaseSeries
from workflow_manager.cases.rules import ENDED
from workflow_manager.dispatch.models import Dispatch
from workflow_manager.dispatch.rules import DispatchStatus as Sending
from workflow_manager.notifications.models import Notification
from workflow_manager.notifications.rules import Channel
from workflow_manager.notifications.rules import NotificationStatus as Telling
from workflow_manager.processing.models import ProcessingReview, ProcessingRun, ProcessingStep
from workflow_manager.processing.rules import ReviewState, StepState

_STEP = {
    StepState.WAITING: "waiting",
    StepState.RUNNING: "running",
    StepState.SUCCEEDED: "done",
    StepState.REUSED: "done",
    StepState.SKIPPED: "skipped",
}
_SENDING = {
    Sending.QUEUED: "waiting",
    Sending.WAITING: "waiting",
    Sending.SENDING: "sending",
    Sending.SENT: "sent",
}
_TELLING = {Telling.SENT: "sent", Telling.FAILED: "failed"}
_CHANNELS = {Channel.WEBHOOK: "notification_webhook", Channel.EMAIL: "notification_email"}


async def flow_of(
    session: AsyncSession, name: str, rule: RuleOptions, since: datetime
) -> RuleFlowOut:
    """Return where the cases of a rule are.

    Args:
        session: Where to look.
        name: Of the rule.
        rule: As it is by now.
        since: Cases that have ended count if they came later.
    """
    cases = (
        sa.select(col(Case.id))
        .where(
            col(Case.rule) == name,
            sa.or_(col(Case.opened_at) >= since, col(Case.state).not_in(ENDED)),
        )
        .scalar_subquery()
    )
    states = await _counts(session, sa.select(col(Case.state)).where(col(Case.id).in_(cases)))
    received = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(CaseSeries.instances), 0))
    received = received.where(
        col(CaseSeries.case_id).in_(cases), col(CaseSeries.derived_by).is_(None)
    )
    series, images = (await session.execute(received)).one()
    reviews = await _reviews(session, cases)
    return RuleFlowOut(
        rule=name,
        since=since,
        series=series,
        images=images,
        cases={state.value: count for (state,), count in states.items()},
        steps=await _steps(session, rule, cases),
        review=FlowReviewOut.model_validate(_reviewed(reviews, 0)),
        gates=[
            FlowGateOut.model_validate({"after": gate.after, **_reviewed(reviews, gate.after)})
            for gate in rule.processing_gates
        ],
        targets=await _targets(session, rule, cases),
        notifications=await _notifications(session, rule, cases),
    )


async def _counts(session: AsyncSession, query: Any) -> dict[tuple[Any, ...], int]:
    """Return how often each row of a query is there."""
    counted = query.add_columns(sa.func.count()).group_by(*query.selected_columns)
    return {tuple(row[:-1]): row[-1] for row in (await session.execute(counted)).all()}


def _last_runs(cases: Any) -> sa.Select[Any]:
    later = sa.orm.aliased(ProcessingRun)
    same_case = col(later.case_id) == col(ProcessingRun.case_id)
    newest = sa.select(sa.func.max(later.number)).where(same_case)
    return sa.select(col(ProcessingRun.id)).where(
        col(ProcessingRun.case_id).in_(cases),
        col(ProcessingRun.number) == newest.scalar_subquery(),
    )


async def _steps(session: AsyncSession, rule: RuleOptions, cases: Any) -> list[FlowStepOut]:
    if not rule.processing_module:
        return []
    of_step = (col(ProcessingStep.position), col(ProcessingStep.module), col(ProcessingStep.state))
    query = sa.select(*of_step).where(
        col(ProcessingStep.run_id).in_(_last_runs(cases).scalar_subquery())
    )
    found = await _counts(session, query)
    told = []
    for position, module in enumerate(rule.processing_module, 1):
        counts = dict.fromkeys(("waiting", "running", "done", "skipped", "failed"), 0)
        for (at, name, state), count in found.items():
            if (at, name) == (position, module):
                counts[_STEP.get(state, "failed")] += count
        told.append(FlowStepOut.model_validate({"position": position, "module": module, **counts}))
    return told


async def _reviews(session: AsyncSession, cases: Any) -> dict[tuple[Any, ...], int]:
    """Return how many reviews there are, by the step behind which, state, and being overdue."""
    runs = _last_runs(cases).scalar_subquery()
    query = sa.select(
        col(ProcessingReview.after_step),
        col(ProcessingReview.state),
        col(ProcessingReview.overdue),
    )
    return await _counts(session, query.where(col(ProcessingReview.run_id).in_(runs)))


def _reviewed(reviews: Mapping[tuple[Any, ...], int], after: int) -> dict[str, int]:
    """Return what came of the reviews behind a step; 0: behind the last one."""

    def of(state: ReviewState, *, overdue_only: bool = False) -> int:
        return sum(
            count
            for (step, one, overdue), count in reviews.items()
            if step == after and one is state and (overdue or not overdue_only)
        )

    return {
        "waiting": of(ReviewState.WAITING),
        "overdue": of(ReviewState.WAITING, overdue_only=True),
        "approved": of(ReviewState.APPROVED),
        "rejected": of(ReviewState.REJECTED),
    }


async def _targets(session: AsyncSession, rule: RuleOptions, cases: Any) -> list[FlowTargetOut]:
    ids = sa.select(col(CaseDispatch.dispatch_id)).where(col(CaseDispatch.case_id).in_(cases))
    query = sa.select(col(Dispatch.target), col(Dispatch.status))
    found = await _counts(session, query.where(col(Dispatch.id).in_(ids.scalar_subquery())))
    names = dict.fromkeys([*_own_targets(rule), *sorted({target for target, _ in found})])
    return [
        FlowTargetOut.model_validate(
            {
                "target": name,
                **dict.fromkeys(("waiting", "sending", "sent", "failed"), 0),
                **_sums({state: n for (to, state), n in found.items() if to == name}, _SENDING),
            }
        )
        for name in names
    ]


def _own_targets(rule: RuleOptions) -> list[str]:
    """Return where a rule sends, or lets its modules send."""
    if rule.action.value not in {"route", "both", "process"}:
        return []
    chosen = rule.dynamic_routing_allowed_targets if rule.dynamic_routing else []
    other = rule.conditional_alternate_target if rule.dynamic_routing else ""
    own = rule.target if rule.action.value != "process" else []
    return [*own, *chosen, *([other] if other else [])]


async def _notifications(
    session: AsyncSession, rule: RuleOptions, cases: Any
) -> list[FlowTellingOut]:
    query = sa.select(col(Notification.channel), col(Notification.status))
    found = await _counts(session, query.where(col(Notification.case_id).in_(cases)))
    told = []
    for channel, option in _CHANNELS.items():
        counts = {state: count for (by, state), count in found.items() if by is channel}
        if counts or getattr(rule, option).strip():
            zero = dict.fromkeys(("waiting", "sent", "failed"), 0)
            sums = _sums(counts, _TELLING, other="waiting")
            told.append(FlowTellingOut.model_validate({"channel": channel, **zero, **sums}))
    return told


def _sums(
    counts: Mapping[Any, int], words: Mapping[Any, str], other: str = "failed"
) -> dict[str, int]:
    """Return the counts by what people are told of a state."""
    sums: dict[str, int] = {}
    for state, count in counts.items():
        word = words.get(state, other)
        sums[word] = sums.get(word, 0) + count
    return sums
