"""Studies: gathered until they are complete, then sent, told or discarded as one."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.clock import utc_now
from scanhub_libraries.events import Event, EventType
from scanhub_libraries.models import RoutingRule, RuleAction, RuleOptions
from workflow_manager.cases import repository
from workflow_manager.cases.models import Case
from workflow_manager.cases.repository import OpenStudy
from workflow_manager.cases.rules import (
    CaseKind,
    CaseState,
    CaseTimes,
    StudySoFar,
    Verdict,
    judge_study,
)
from workflow_manager.cases.sending import queue_series
from workflow_manager.cases.service import add_series, event_of, move, new_case, settle
from workflow_manager.dicom.models import DicomSeries
from workflow_manager.processing.queueing import queue_run


async def join_study(
    session: AsyncSession,
    series: DicomSeries,
    rule_in_force: tuple[RoutingRule, int],
    *,
    decision_id: UUID,
    instances: int,
    times: CaseTimes,
) -> list[Event]:
    """Let a series join the open case of its study for a rule; the first one opens it.

    After the case was closed, the next series opens a follow-up with the next number.
    """
    rule, version = rule_in_force
    study = series.study_instance_uid
    case = await repository.find_open_study(session, study, rule.name)
    opened = case is None
    if case is None:
        case = new_case(series, rule, version, kind=CaseKind.STUDY)
        number = await repository.last_number(session, CaseKind.STUDY, study, rule.name)
        case.number = number + 1
        session.add(case)
        await session.flush()
    else:  # the rule as it is by now counts
        fresh = new_case(series, rule, version, kind=CaseKind.STUDY)
        case.options, case.rule_version = fresh.options, version
        case.action, case.targets, case.priority = fresh.action, fresh.targets, fresh.priority
    await add_series(session, case, series, instances=instances, decision_id=decision_id)
    events: list[Event] = []
    if opened:
        uids = [series.series_instance_uid]
        events.append(event_of(case, EventType.CASE_OPENED, uids))
    return events + await review_study(session, case, times)


def judge(study: OpenStudy, times: CaseTimes) -> Verdict:
    """Say where an open study case should stand now."""
    case = study.case
    so_far = StudySoFar(
        rule=RuleOptions.model_validate(case.options),
        opened_at=case.opened_at,
        last_received_at=case.last_received_at,
        arriving=study.arriving,
        descriptions=study.descriptions,
        wish=case.wish,
        wished_by=case.wished_by,
    )
    return judge_study(so_far, utc_now(), times)


async def review_study(session: AsyncSession, case: Case, times: CaseTimes) -> list[Event]:
    """Bring an open study case to where it should stand; if it is complete, do what follows.

    Args:
        session: The transaction; it holds the lock of the study.
        case: The case, locked.
        times: How long is waited.
    """
    await session.flush()
    found = await repository.list_open_studies(session, case_id=case.id)
    if not found:
        return []  # somebody closed it meanwhile
    (study,) = found
    series = await repository.series_uids(session, case.id)
    events = move(case, judge(study, times), series, times)
    if case.state is CaseState.COMPLETE:
        events += await _close(session, case, series, times)
    return events


async def _close(
    session: AsyncSession, case: Case, uids: list[str], times: CaseTimes
) -> list[Event]:
    """Do what the rule asks for, with every series of the case."""
    if case.action in {RuleAction.PROCESS.value, RuleAction.BOTH.value}:
        return await queue_run(session, case, times)
    if case.action != RuleAction.ROUTE.value:
        told = Verdict(CaseState.DONE, "The rule asks for a notification, and nothing more.")
        return move(case, told, uids, times)
    events: list[Event] = []
    rows = [row for row, _, _ in await repository.list_series_of(session, case.id)]
    counts = await repository.count_instances(session, [row.series_id for row in rows])
    for row in rows:
        series = await session.get_one(DicomSeries, row.series_id)
        events += await queue_series(
            session, [case], series, instances=counts[row.series_id], targets=case.targets
        )
    return events + await settle(session, case, times)
