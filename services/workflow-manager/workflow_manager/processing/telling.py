"""Runs of modules as they are told."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.events import Event, EventType
from scanhub_libraries.models.case import (
    JobExecutionOut,
    ProcessingRunOut,
    ProcessingStepOut,
)
from workflow_manager.job_sessions.models import JobExecution
from workflow_manager.job_sessions.repository import executions_of_runs
from workflow_manager.job_sessions.rules import returned_value
from workflow_manager.journal.service import own_event
from workflow_manager.processing import repository
from workflow_manager.processing.models import ProcessingReview, ProcessingRun, ProcessingStep
from workflow_manager.processing.rules import DONE


def outputs_of(steps: Sequence[ProcessingStep]) -> list[tuple[str, Any]]:
    """Return module and result.json of the steps that are done, as mercure lists them."""
    return [(step.module, step.output.get("value")) for step in steps if step.state in DONE]


def describe(
    run: ProcessingRun,
    steps: Sequence[ProcessingStep],
    reviews: Sequence[ProcessingReview],
    executions: Mapping[tuple[UUID, int], Sequence[JobExecution]],
) -> ProcessingRunOut:
    """Return a run as it is told.

    Args:
        run: The run.
        steps: Its steps.
        reviews: What is to be decided on it, or was.
        executions: Jobs of the SDK, by run and step.
    """
    told = [
        ProcessingStepOut.model_validate(
            {
                **step.model_dump(),
                "output": step.output.get("value"),
                "executions": list(map(_execution, executions.get((run.id, step.position), ()))),
            }
        )
        for step in steps
    ]
    outputs = [{"module": module, "result": result} for module, result in outputs_of(steps)]
    gates = [{**one.model_dump(), "after": one.after_step} for one in reviews if one.after_step]
    last = next((one.model_dump() for one in reviews if not one.after_step), None)
    more = {"outputs": outputs, "steps": told, "review": last, "gates": gates}
    return ProcessingRunOut.model_validate({**run.model_dump(), **more})


async def describe_all(
    session: AsyncSession, runs: Sequence[ProcessingRun]
) -> list[ProcessingRunOut]:
    """Return runs as they are told."""
    ids = [run.id for run in runs]
    steps = await repository.list_steps(session, ids)
    reviews = await repository.reviews_of(session, ids)
    executions = await executions_of_runs(session, ids)
    return [describe(run, steps[run.id], reviews[run.id], executions) for run in runs]


def _execution(row: JobExecution) -> JobExecutionOut:
    told = {"failure": row.failure or None, "returned": returned_value(row.returned)}
    return JobExecutionOut.model_validate({**row.model_dump(), **told})


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
