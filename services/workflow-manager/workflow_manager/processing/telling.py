"""Runs of modules as they are told."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.events import Event, EventType
from scanhub_libraries.models.case import ProcessingRunOut, ProcessingStepOut
from workflow_manager.journal.service import own_event
from workflow_manager.processing import repository
from workflow_manager.processing.models import ProcessingReview, ProcessingRun, ProcessingStep
from workflow_manager.processing.rules import DONE


def outputs_of(steps: Sequence[ProcessingStep]) -> list[tuple[str, Any]]:
    """Return module and result.json of the steps that are done, as mercure lists them."""
    return [(step.module, step.output.get("value")) for step in steps if step.state in DONE]


def describe(
    run: ProcessingRun, steps: Sequence[ProcessingStep], review: ProcessingReview | None
) -> ProcessingRunOut:
    """Return a run as it is told."""
    told = [
        ProcessingStepOut.model_validate({**step.model_dump(), "output": step.output.get("value")})
        for step in steps
    ]
    outputs = [{"module": module, "result": result} for module, result in outputs_of(steps)]
    more = {"outputs": outputs, "steps": told, "review": review and review.model_dump()}
    return ProcessingRunOut.model_validate({**run.model_dump(), **more})


async def describe_all(
    session: AsyncSession, runs: Sequence[ProcessingRun]
) -> list[ProcessingRunOut]:
    """Return runs as they are told."""
    ids = [run.id for run in runs]
    steps = await repository.list_steps(session, ids)
    reviews = await repository.reviews_of(session, ids)
    return [describe(run, steps[run.id], reviews.get(run.id)) for run in runs]


async def of_case(session: AsyncSession, case_id: UUID) -> list[ProcessingRunOut]:
    """Return the runs of a case, newest first."""
    return await describe_all(session, await repository.list_runs(session, case_id=case_id))


def event_of(run: ProcessingRun, event_type: EventType, **more: Any) -> Event:
    """Return the event that tells of a run; nothing that a module says."""
    data = {
        "processing_id": str(run.id),
        "case_id": str(run.case_id),
        "number": run.number,
        "state": run.state.value,
        "reason": run.reason,
        "priority": run.priority.value,
        **more,
    }
    return own_event(event_type, run.id, data)
