"""What follows when a series is complete: its decision and its cases, in one transaction."""

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.events import Event, EventType
from scanhub_libraries.models import RoutingRule, RuleAction, SelectedAction
from workflow_manager.cases import repository
from workflow_manager.cases.models import Case
from workflow_manager.cases.rules import CaseKind, CaseState, CaseTimes, Verdict
from workflow_manager.cases.sending import queue_series
from workflow_manager.cases.service import add_series, event_of, move, new_case, settle
from workflow_manager.cases.studies import join_study
from workflow_manager.dicom.models import DicomSeries
from workflow_manager.dispatch.service import queue_dispatches
from workflow_manager.processing.queueing import queue_run
from workflow_manager.routing_rules.decisions import Considered, consider, record_decision
from workflow_manager.routing_rules.models import SeriesDecision
from workflow_manager.routing_rules.repository import last_decision


async def route_series(
    session: AsyncSession, series: DicomSeries, *, instances: int, anew: bool, times: CaseTimes
) -> list[Event]:
    """Decide for a series in the transaction that completes it.

    Decision, cases, dispatches and events are committed together, or none of them; repeating it
    gives the decision that is there.

    Args:
        session: The transaction.
        series: Complete by now.
        instances: How many images it has.
        anew: It has just become complete: images that came late are decided on again.
        times: How long studies are waited for.
    """
    await repository.lock_studies(session, [series.study_instance_uid])
    decision = await last_decision(session, series.id)
    if decision is None or anew:
        considered = await consider(session, [series.id])
        return await follow_series(
            session, series, considered[series.id], instances=instances, times=times
        )
    return await queue_dispatches(session, series, instances=instances, targets=decision.targets)


async def follow_series(
    session: AsyncSession,
    series: DicomSeries,
    considered: Considered,
    *,
    instances: int,
    times: CaseTimes,
) -> list[Event]:
    """Write down what was decided, and open the cases that follow.

    Args:
        session: The transaction; it holds the lock of the study.
        series: Complete by now.
        considered: What the rules say of it.
        instances: How many images it has.
        times: How long studies are waited for.
    """
    decision, events = await record_decision(session, series, considered)
    following = _Following(session, series, considered, decision, instances=instances, times=times)
    following.events += events
    await following.run()
    return following.events


class _Following:
    """One series, and the cases that its decision opens."""

    def __init__(
        self,
        session: AsyncSession,
        series: DicomSeries,
        considered: Considered,
        decision: SeriesDecision,
        *,
        instances: int,
        times: CaseTimes,
    ) -> None:
        self._session, self._series, self._decision = session, series, decision
        self._considered, self._instances, self._times = considered, instances, times
        self._cases: dict[str, Case] = {}
        self.events: list[Event] = []

    async def run(self) -> None:
        """Open every case, and let it do what is to be done."""
        selection, decision = self._considered.selection, self._decision
        if selection is None:
            case = await self._case("")
            case.targets = decision.targets
            await self._send([case], decision.targets)
            if not decision.targets:
                self._end(case, CaseState.DONE, decision.reason)
        elif not selection.actions:
            case = await self._case("")
            case.action = RuleAction.DISCARD.value
            self._end(case, CaseState.DISCARDED, decision.reason)
        for action in selection.actions if selection is not None else ():
            await self._act(action)
        for case in self._cases.values():
            if case.state is CaseState.COMPLETE:
                self.events += await settle(self._session, case, self._times)

    async def _act(self, action: SelectedAction) -> None:
        if action.action is RuleAction.DISCARD:
            case = await self._case(action.rules[0])
            self._end(case, CaseState.DISCARDED, self._decision.reason)
        elif action.trigger == "study":
            rule, version = self._considered.rules[action.rules[0]]
            await self._join(rule, version)
        elif action.action in {RuleAction.PROCESS, RuleAction.BOTH}:
            case = await self._case(action.rules[0])
            self.events += await queue_run(self._session, case, self._times)
        elif action.action is RuleAction.ROUTE:
            cases = [await self._case(name) for name in action.rules]
            await self._send(cases, action.targets)
        else:
            case = await self._case(action.rules[0])
            self._end(case, CaseState.DONE, "The rule asks for a notification, and nothing more.")

    async def _case(self, name: str) -> Case:
        """Return the case of this series for a rule, opened when it is asked for first."""
        if name in self._cases:
            return self._cases[name]
        rule: RoutingRule | None = None
        version: int | None = None
        if name:
            rule, version = self._considered.rules[name]
        case = new_case(self._series, rule, version, kind=CaseKind.SERIES)
        case.number = self._decision.number
        case.complete_at, case.complete_reason = case.opened_at, self._series.complete_reason
        case.reason = f"The series is complete: {self._series.complete_reason}."
        self._session.add(case)
        await self._session.flush()
        await add_series(
            self._session,
            case,
            self._series,
            instances=self._instances,
            decision_id=self._decision.id,
        )
        self._cases[name] = case
        for event_type in (EventType.CASE_OPENED, EventType.CASE_COMPLETE):
            event = event_of(case, event_type, [self._series.series_instance_uid])
            self.events.append(event)
        return case

    async def _send(self, cases: list[Case], targets: list[str]) -> None:
        self.events += await queue_series(
            self._session, cases, self._series, instances=self._instances, targets=targets
        )

    def _end(self, case: Case, state: CaseState, reason: str) -> None:
        series = [self._series.series_instance_uid]
        self.events += move(case, Verdict(state, reason), series, self._times)

    async def _join(self, rule: RoutingRule, version: int) -> None:
        self.events += await join_study(
            self._session,
            self._series,
            (rule, version),
            decision_id=self._decision.id,
            instances=self._instances,
            times=self._times,
        )
