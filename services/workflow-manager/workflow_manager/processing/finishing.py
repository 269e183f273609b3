"""The end of a run that went well: its series belong to the case, and go where they shall."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.clock import utc_now
from scanhub_libraries.events import Event, EventType
from scanhub_libraries.models import RuleOptions
from workflow_manager.cases import repository as cases
from workflow_manager.cases.models import Case
from workflow_manager.cases.rules import CaseState, CaseTimes, Verdict
from workflow_manager.cases.sending import queue_series
from workflow_manager.cases.service import add_series, move, settle
from workflow_manager.dicom.models import DicomSeries
from workflow_manager.dicom.service import complete
from workflow_manager.processing import repository
from workflow_manager.processing.models import ProcessingRun
from workflow_manager.processing.rules import RunState, destination, details_of, source_of
from workflow_manager.processing.telling import event_of, outputs_of
from workflow_manager.targets.repository import list_targets


async def finish(
    session: AsyncSession,
    run: ProcessingRun,
    case: Case,
    images: Mapping[str, Any],
    times: CaseTimes,
) -> list[Event]:
    """End a run and let its case send what came out.

    Args:
        session: The transaction; it holds the lock of the study.
        run: The run, locked.
        case: Its case, locked.
        images: What was indexed.
        times: How long files of a discarded case are kept.
    """
    steps = (await repository.list_steps(session, [run.id]))[run.id]
    outputs = outputs_of(steps)
    case.notification_details, case.notification_requested = details_of(outputs)
    rule = RuleOptions.model_validate(case.options)
    own, events = await complete_own(session, run, case, images)
    sent = [
        *own,
        *await _known(session, case, images["known"], retain=rule.processing_retain_images),
    ]
    goal = destination(rule, outputs[-1][1] if outputs else None, await _targets(session))
    run.state, run.ended_at, run.images = RunState.SUCCEEDED, utc_now(), images["images"]
    run.other_files, run.reason = images["files"], _told(images, goal.reason)
    events.append(event_of(run, EventType.PROCESSING_FINISHED))
    if not goal.targets or not sent:
        uids = await cases.series_uids(session, case.id)
        return events + move(case, Verdict(CaseState.DONE, run.reason), uids, times)
    case.targets = list(goal.targets)
    counts = await cases.count_instances(session, [series.id for series in sent])
    for series in sent:
        events += await queue_series(
            session, [case], series, instances=counts[series.id], targets=goal.targets
        )
    await session.flush()
    return events + await settle(session, case, times)


def _told(images: Mapping[str, Any], reason: str) -> str:
    """Say what came out."""
    count, files = images["images"], len(images["files"])
    parts = [f"Processed: {count} image{'' if count == 1 else 's'} came out."]
    if files:
        parts.append(f"{files} other file{'' if files == 1 else 's'} too.")
    return " ".join([*parts, reason] if reason else parts)


async def complete_own(
    session: AsyncSession, run: ProcessingRun, case: Case, images: Mapping[str, Any]
) -> tuple[list[DicomSeries], list[Event]]:
    """Let the series that the run made belong to the case; no rule is asked what follows."""
    events: list[Event] = []
    again = [UUID(text) for text in images.get("again", ())]
    found = [
        *await repository.series_of(session, source_of(run.id.hex)),
        *[await session.get_one(DicomSeries, id_) for id_ in again],
    ]
    counts = await cases.count_instances(session, [series.id for series in found])
    for series in found:
        if not series.complete:
            events.append(complete(series, "processed"))
        await add_series(
            session,
            case,
            series,
            instances=counts.get(series.id, 0),
            decision_id=None,
            derived_by=run.id,
        )
    return found, events


async def _known(
    session: AsyncSession, case: Case, ids: Sequence[str], *, retain: bool
) -> list[DicomSeries]:
    """Return series of the archive that came out unchanged, or are sent beside what came out."""
    wanted = {UUID(text) for text in ids}
    if retain:
        wanted |= {row.series_id for row in await cases.list_own_series(session, case.id)}
    found = [await session.get(DicomSeries, id_) for id_ in sorted(wanted)]
    return [series for series in found if series is not None]


async def _targets(session: AsyncSession) -> set[str]:
    """Return the targets that can be sent to."""
    enabled = await list_targets(session, enabled_only=True)
    return {row.name for row in enabled if row.document.get("direction") != "pull"}
