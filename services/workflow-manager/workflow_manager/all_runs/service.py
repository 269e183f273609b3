"""Runs of both kinds as they are told in one list."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.models.run import AnyRunOut
from workflow_manager.all_runs import repository
from workflow_manager.all_runs.repository import Wanted
from workflow_manager.cases.models import Case
from workflow_manager.processing.models import ProcessingRun, ProcessingStep
from workflow_manager.processing.repository import list_steps
from workflow_manager.processing.rules import DONE, RunState
from workflow_manager.runs.models import Run
from workflow_manager.runs.rules import RunStatus
from workflow_manager.runs.telling import waits_for


async def list_all(
    session: AsyncSession, wanted: Wanted, *, after: UUID | None, limit: int
) -> list[AnyRunOut]:
    """Return runs of both kinds, newest first; `after` is the last one of the page before."""
    place = None if after is None else await repository.place_of(session, after)
    of_exams = await repository.list_of_exams(session, wanted, after=place, limit=limit)
    of_cases = await repository.list_of_cases(session, wanted, after=place, limit=limit)
    steps = await list_steps(session, [run.id for run, _ in of_cases])
    told = [_of_exam(run) for run in of_exams]
    told += [_of_case(run, case, steps[run.id]) for run, case in of_cases]
    return sorted(told, key=lambda run: (run.created_at, run.id), reverse=True)[:limit]


_OF_BOTH = {
    "id",
    "priority",
    "deadline_at",
    "requested_by",
    "created_at",
    "started_at",
    "ended_at",
}


def _of_exam(run: Run) -> AnyRunOut:
    asked_for = run.requested_by.startswith("user:")
    return AnyRunOut.model_validate(
        {
            **run.model_dump(include=_OF_BOTH | {"exam_id", "task_id", "device_id", "job_version"}),
            "kind": "exam",
            "status": RunState.REVIEW if run.waits_for_review else run.status,
            "jobs": [run.job_id],
            "steps_done": int(run.status is RunStatus.SUCCEEDED),
            "progress": run.progress,
            "reason": run.error or waits_for(run) or "",
            "waits_until": run.waits_until,
            "number": run.attempt,
            "requested_by": run.requested_by if asked_for else "",
        }
    )


def _of_case(run: ProcessingRun, case: Case, steps: Sequence[ProcessingStep]) -> AnyRunOut:
    done = sum(step.state in DONE for step in steps)
    at = next((step.module for step in steps if step.state not in DONE), "")
    quiet = run.state in {RunState.SUCCEEDED, RunState.RUNNING}
    return AnyRunOut.model_validate(
        {
            **run.model_dump(include=_OF_BOTH | {"case_id", "number"}),
            "kind": "case",
            "status": run.state,
            "jobs": [step.module for step in steps],
            "at": at,
            "steps_done": done,
            "progress": 100 * done // len(steps) if steps else 0,
            "reason": "" if quiet else run.reason,
            "exam_id": case.exam_id,
            "task_id": case.task_id,
            "rule": case.rule,
        }
    )
