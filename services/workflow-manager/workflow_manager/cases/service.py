"""Cases: opened, moved from state to state, told. One event in the transaction of each change."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.clock import utc_now
from scanhub_libraries.errors import NotFoundError
from scanhub_libraries.events import Event, EventType
from scanhub_libraries.models import (
    CaseDetail,
    CaseOut,
    CaseSeriesOut,
    JournalEntry,
    RoutingRule,
    StudyNames,
)
from workflow_manager.cases import repository
from workflow_manager.cases.models import Case, CaseDispatch, CaseSeries
from workflow_manager.cases.rules import (
    ENDED,
    CaseKind,
    CaseState,
    CaseTimes,
    Sending,
    Verdict,
    check_transition,
    judge_sending,
)
from workflow_manager.cases.waiting import waits_of
from workflow_manager.dicom.models import DicomSeries
from workflow_manager.dicom.naming import study_names
from workflow_manager.dispatch.models import Dispatch
from workflow_manager.dispatch.rules import ENDED as DISPATCH_ENDED
from workflow_manager.dispatch.rules import DispatchStatus, OffPeak
from workflow_manager.dispatch.telling import tell_all
from workflow_manager.journal.service import own_event
from workflow_manager.processing import telling
from workflow_manager.routing_rules.decisions import decision_out

_EVENTS = {
    CaseState.RECEIVING: EventType.CASE_WAITING,
    CaseState.WAITING: EventType.CASE_WAITING,
    CaseState.COMPLETE: EventType.CASE_COMPLETE,
    CaseState.PROCESSING: EventType.CASE_PROCESSING,
    CaseState.DONE: EventType.CASE_DONE,
    CaseState.FAILED: EventType.CASE_FAILED,
    CaseState.DISCARDED: EventType.CASE_DISCARDED,
}
"""Sending has events of its own."""


async def get_case(session: AsyncSession, case_id: UUID, *, lock: bool = False) -> Case:
    """Return a case; `lock` to change it."""
    case = await session.get(Case, case_id, with_for_update=lock, populate_existing=lock)
    if case is None:
        raise NotFoundError(f"There is no case {case_id}.")
    return case


def new_case(
    series: DicomSeries, rule: RoutingRule | None, version: int | None, *, kind: CaseKind
) -> Case:
    """Make a case that a series opens; the caller says its number and state."""
    study = kind is CaseKind.STUDY
    return Case(
        kind=kind,
        subject=series.study_instance_uid if study else series.id.hex,
        rule="" if rule is None else rule.name,
        action="none" if rule is None else rule.action.value,
        rule_version=version,
        options={} if rule is None else rule.model_dump(mode="json", exclude={"name"}),
        targets=[] if rule is None else rule.target,
        priority="normal" if rule is None else rule.priority,
        study_instance_uid=series.study_instance_uid,
        task_id=series.task_id,
        exam_id=series.exam_id,
        state=CaseState.WAITING if study else CaseState.COMPLETE,
        last_received_at=series.last_received_at,
    )


def event_of(case: Case, event_type: EventType, series: Sequence[str]) -> Event:
    """Return the event that tells of a case: ids and reasons, no value of a tag."""
    data = {
        "case_id": str(case.id),
        "number": case.number,
        "kind": case.kind.value,
        "rule": case.rule or None,
        "action": case.action,
        "state": case.state.value,
        "reason": case.reason,
        "waits_until": case.waits_until.isoformat() if case.waits_until else None,
        "study_instance_uid": case.study_instance_uid,
        "series_instance_uids": list(series),
        "task_id": str(case.task_id) if case.task_id else None,
        "exam_id": str(case.exam_id) if case.exam_id else None,
    }
    if case.notification_details or case.notification_requested:
        data["notification_details"] = case.notification_details
        data["notification_requested"] = case.notification_requested
    return own_event(event_type, case.id, data)


def move(case: Case, verdict: Verdict, series: Sequence[str], times: CaseTimes) -> list[Event]:
    """Put a case into the state it should be in; return the event that tells so.

    Args:
        case: The case, locked.
        verdict: Where it should stand.
        series: Series Instance UIDs of the case, for the event.
        times: How long files of a discarded case are kept.
    """
    before = case.state
    case.reason, case.waits_until = verdict.reason, verdict.waits_until
    if verdict.state is before:
        return []
    check_transition(before, verdict.state)
    case.state, now = verdict.state, utc_now()
    case.ended_at = now if case.state in ENDED else None
    if case.state is CaseState.COMPLETE:
        case.complete_at, case.complete_reason = now, verdict.reason
    if case.state is CaseState.DISCARDED:
        case.files_kept_until = now + timedelta(seconds=times.keep_s)
    event_type = _EVENTS.get(case.state)
    return [] if event_type is None else [event_of(case, event_type, series)]


async def settle(session: AsyncSession, case: Case, times: CaseTimes) -> list[Event]:
    """Bring a case to where its dispatches are; return what there is to tell."""
    sendings = [_sending(row) for row in await repository.list_dispatches_of(session, case.id)]
    series = await repository.series_uids(session, case.id)
    verdict = judge_sending(sendings)
    events: list[Event] = []
    if case.state is CaseState.COMPLETE and verdict.state is not CaseState.DISPATCHING:
        events += move(case, Verdict(CaseState.DISPATCHING, verdict.reason), series, times)
    return events + move(case, verdict, series, times)


def _sending(row: Dispatch) -> Sending:
    return Sending(
        target=row.target,
        ended=row.status in DISPATCH_ENDED,
        sent=row.status is DispatchStatus.SENT,
        error=row.error,
    )


async def add_series(
    session: AsyncSession,
    case: Case,
    series: DicomSeries,
    *,
    instances: int,
    decision_id: UUID | None,
    derived_by: UUID | None = None,
) -> None:
    """Let a series belong to a case, or note how many images it has by now."""
    known = await session.get(CaseSeries, (case.id, series.id))
    if known is None:
        known = CaseSeries(
            case_id=case.id,
            series_id=series.id,
            series_instance_uid=series.series_instance_uid,
            instances=instances,
            derived_by=derived_by,
        )
        session.add(known)
    known.instances, known.decision_id = instances, decision_id
    case.last_received_at = max(case.last_received_at, series.last_received_at)
    await session.flush()


async def add_dispatch(session: AsyncSession, case: Case, dispatch_id: UUID) -> None:
    """Let a case wait for what is sent."""
    if await session.get(CaseDispatch, (case.id, dispatch_id)) is None:
        session.add(CaseDispatch(case_id=case.id, dispatch_id=dispatch_id))
        await session.flush()


# --- told -----------------------------------------------------------------------------------------


def describe(
    case: Case, series: dict[str, str], names: StudyNames | None, waits: str | None
) -> CaseOut:
    """Return a case as it is told.

    Args:
        case: Which one.
        series: UID and description of its series.
        names: Whose study it is.
        waits: What those of its series wait for that are on their way.
    """
    return CaseOut.model_validate(
        {
            **case.model_dump(),
            **(names.model_dump() if names is not None else {}),
            "rule": case.rule or None,
            "reason": case.reason + (waits or ""),
            "series_instance_uids": list(series),
            "series_descriptions": list(series.values()),
        }
    )


async def describe_all(
    session: AsyncSession, cases: Sequence[Case], window: OffPeak
) -> list[CaseOut]:
    """Return cases as they are told; `window`: when off-peak series are sent."""
    series = await repository.series_names_of(session, [case.id for case in cases])
    names = await study_names(session, [case.study_instance_uid for case in cases])
    waits = await waits_of(session, cases, window)
    return [
        describe(
            case,
            series.get(case.id, {}),
            names.get(case.study_instance_uid),
            waits.get(case.id),
        )
        for case in cases
    ]


async def describe_whole(session: AsyncSession, case: Case, window: OffPeak) -> CaseDetail:
    """Return a case with its series, what is sent for it, and what the journal has of it.

    Args:
        session: Where all that is.
        case: Which one.
        window: When off-peak series are sent: what is sent for it may wait for that.
    """
    series = await repository.list_series_of(session, case.id)
    dispatches = await repository.list_dispatches_of(session, case.id)
    uids = {row.series_instance_uid: description for row, description, _ in series}
    names = await study_names(session, [case.study_instance_uid])
    waits = await waits_of(session, [case], window)
    processing = await telling.of_case(session, case.id)
    ids = [*(row.id for row in dispatches), *(run.id for run in processing)]
    subjects = [str(case.id), *uids, *map(str, ids)]
    events = await repository.list_events_of(session, subjects)
    return CaseDetail(
        **describe(case, uids, names.get(case.study_instance_uid), waits.get(case.id)).model_dump(),
        series=[
            CaseSeriesOut(
                series_instance_uid=row.series_instance_uid,
                series_description=description,
                instances=row.instances,
                derived=row.derived_by is not None,
                decision=decision and decision_out(decision, row.series_instance_uid),
            )
            for row, description, decision in series
        ],
        dispatches=await tell_all(session, dispatches, window),
        processing=processing,
        timeline=[JournalEntry.model_validate(event) for event in events],
    )
