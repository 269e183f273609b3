"""The `task.json` that mercure would have of a case. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from workflow_manager.bookkeeper.rows import local_time
from workflow_manager.bookkeeper.rules import without_secrets
from workflow_manager.cases.models import Case
from workflow_manager.cases.rules import CaseState
from workflow_manager.dicom.models import DicomSeries
from workflow_manager.dispatch.models import Dispatch
from workflow_manager.dispatch.rules import DispatchStatus
from workflow_manager.processing.models import ProcessingStep
from workflow_manager.processing.task_file import task_document

_STATES = {DispatchStatus.SENT: "complete", DispatchStatus.FAILED: "error"}


def document_of(
    case: Case,
    series: Sequence[DicomSeries],
    tags: Mapping[str, str],
    *,
    dispatches: Sequence[Dispatch],
    steps: Sequence[ProcessingStep],
    version: str,
) -> dict[str, Any]:
    """Return task.json as it would be by now.

    Args:
        case: Which one.
        series: What was received for it.
        tags: Of one of its images.
        dispatches: What is sent for it.
        steps: The modules that ran for it.
        version: Of this software.
    """
    document = task_document(case, series, tags, {}, version)
    document["process"] = [_process(step) for step in steps]
    document["dispatch"] = _dispatch(case, dispatches)
    if case.state is CaseState.FAILED:
        document["info"]["fail_stage"] = _fail_stage(dispatches, steps)
    return document


def _process(step: ProcessingStep) -> dict[str, Any]:
    return {
        "module_name": step.module,
        "settings": without_secrets(step.settings),
        "output": step.output.get("value"),
    }


def _dispatch(case: Case, dispatches: Sequence[Dispatch]) -> dict[str, Any]:
    if not dispatches:
        return {"target_name": case.targets} if case.targets else {}
    waiting = [row.next_attempt_at for row in dispatches if row.next_attempt_at is not None]
    return {
        "target_name": sorted({row.target for row in dispatches}),
        "status": {
            row.target: {
                "state": _STATES.get(row.status, "waiting"),
                "time": local_time(row.ended_at or row.created_at),
            }
            for row in dispatches
        },
        "retries": max(row.attempt for row in dispatches) - 1,
        "next_retry_at": min(waiting).timestamp() if waiting else None,
    }


def _fail_stage(dispatches: Sequence[Dispatch], steps: Sequence[ProcessingStep]) -> str:
    if any(row.status is DispatchStatus.FAILED for row in dispatches):
        return "DISPATCHING"
    return "PROCESSING" if steps else "ROUTING"
