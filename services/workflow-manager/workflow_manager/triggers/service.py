"""Start and stop: a scan goes to device-manager, a job becomes a run."""

from contextlib import suppress
from typing import Any
from uuid import UUID

from scanhub_libraries.errors import (
    ConflictError,
    NotImplementedHereError,
    ScanHubError,
    UnprocessableError,
)
from scanhub_libraries.models import (
    AcquisitionTaskOut,
    DAGTaskOut,
    JobOut,
    StopRequest,
    TriggerRequest,
)
from scanhub_libraries.security.principal import Principal
from workflow_manager.runs.service import cancel_runs, start_task
from workflow_manager.wiring import Wiring

_REPOSITORY = "scanhub_jobs"
_LOCATION = "workflow-manager"


async def list_jobs(wiring: Wiring) -> list[JobOut]:
    """Return the jobs that a task can name, in the form in which ScanHub's clients know them."""
    return [
        JobOut(job_id=job.id, job_name=job.name, repository=_REPOSITORY, location=_LOCATION)
        for job in await wiring.jobs.list_jobs()
        if job.module
    ]


async def trigger_task(
    wiring: Wiring, task_id: UUID, principal: Principal, asked: TriggerRequest
) -> dict[str, Any]:
    """Start a task with the rights of whoever asks."""
    task = await wiring.exam_manager.get_task(task_id, token=principal.token)
    if isinstance(task, AcquisitionTaskOut):
        _check_at_once(asked)
        started = await wiring.device_manager.start_scan(
            task, confirmation=asked.safety_confirmation, token=principal.token
        )
        return {"task_id": str(task_id), **started.model_dump(mode="json")}
    if isinstance(task, DAGTaskOut):
        run = await start_task(
            wiring, task, actor=principal.actor, token=principal.token, wanted=asked
        )
        return {"task_id": str(task_id), "run_id": str(run.id), "state": run.status.value}
    raise NotImplementedHereError(f"Tasks of type {task.task_type} cannot be started.")


def _check_at_once(asked: TriggerRequest) -> None:
    """Refuse what can only be said of jobs.

    Raises:
        UnprocessableError: Priority or deadline are given.
    """
    for field in ("priority", "deadline_at"):
        if getattr(asked, field) is not None:
            raise UnprocessableError(
                f"A scan begins at once: {field} is for jobs. Leave it out.", field=field
            )


async def stop_task(wiring: Wiring, task_id: UUID, principal: Principal) -> dict[str, Any]:
    """Stop a task, wherever it runs. A scan that goes on is stopped without asking the record."""
    scan = None
    with suppress(ScanHubError):  # the record knows what it is, and whether it needs device-manager
        scan = await wiring.device_manager.find_acquisition(task_id, token=principal.token)
    if scan is not None and scan.ended_at is None:
        return await _stop_scan(wiring, scan.device_id, task_id, principal)
    task = await wiring.exam_manager.get_task(task_id, token=principal.token)
    if isinstance(task, AcquisitionTaskOut):
        if task.device_id is None:
            raise ConflictError(f"Task {task.name!r} has no device: there is nothing to stop.")
        return await _stop_scan(wiring, task.device_id, task_id, principal)
    count = await cancel_runs(wiring, task_id)
    detail = f"{count} run is being stopped." if count else "Nothing of this task is running."
    return {"sent": count > 0, "confirmed": count > 0, "detail": detail}


async def _stop_scan(
    wiring: Wiring, device_id: UUID, task_id: UUID, principal: Principal
) -> dict[str, Any]:
    answer = await wiring.device_manager.stop(
        device_id, StopRequest(task_id=task_id), token=principal.token
    )
    return answer.model_dump(mode="json")
