"""Client of workflow-manager."""

from collections.abc import Sequence
from urllib.parse import quote
from uuid import UUID

from scanhub_libraries.clients.base import ServiceClient
from scanhub_libraries.events import Event, EventBatch
from scanhub_libraries.models import (
    ConfirmSafety,
    DispatchOut,
    RunOut,
    SeriesOut,
    TargetIn,
    TargetOut,
    TriggerRequest,
)
from scanhub_libraries.models.job import JobCheck
from scanhub_libraries.models.target import REVEAL

WORKFLOW = "/api/v1/workflowmanager"


class WorkflowManagerClient(ServiceClient):
    """Runs, images, targets and the journal."""

    service = "workflow-manager"

    async def deliver(self, events: Sequence[Event]) -> None:
        """Bring events to the journal; it drops those it has."""
        batch = EventBatch(events=list(events))
        await self.request("POST", f"{WORKFLOW}/journal/events", json=batch.model_dump(mode="json"))

    async def trigger_task(
        self,
        task_id: UUID,
        *,
        confirmation: ConfirmSafety | None = None,
        token: str | None = None,
    ) -> None:
        """Start a task: a scan or a run."""
        said = TriggerRequest(safety_confirmation=confirmation)
        body = said.model_dump(mode="json") if confirmation is not None else None
        await self.request("POST", f"{WORKFLOW}/trigger_task/{task_id}/", json=body, token=token)

    async def check_job(self, job_id: str, given: JobCheck, *, token: str | None = None) -> None:
        """Refuse parameters that a job does not take.

        Raises:
            UnprocessableError: One does not fit; the text names each, `field` the first.
            NotFoundError: There is no such job.
            ConflictError: The job cannot run; the text says why.
        """
        path = f"{WORKFLOW}/jobs/{quote(job_id, safe='')}/check"
        await self.request("POST", path, json=given.model_dump(mode="json"), token=token)

    async def list_runs(self, task_id: UUID, *, token: str | None = None) -> list[RunOut]:
        """Return the runs of a task, newest first."""
        return await self.call(
            list[RunOut], "GET", f"{WORKFLOW}/runs", params={"task_id": str(task_id)}, token=token
        )

    async def list_series(self, task_id: UUID, *, token: str | None = None) -> list[SeriesOut]:
        """Return the series that a task made."""
        return await self.call(
            list[SeriesOut],
            "GET",
            f"{WORKFLOW}/series",
            params={"task_id": str(task_id)},
            token=token,
        )

    async def list_dispatches(
        self, exam_id: UUID, *, token: str | None = None
    ) -> list[DispatchOut]:
        """Return where the images of an exam were sent."""
        return await self.call(
            list[DispatchOut],
            "GET",
            f"{WORKFLOW}/dispatches",
            params={"exam_id": str(exam_id)},
            token=token,
        )

    async def create_target(self, target: TargetIn, *, token: str | None = None) -> TargetOut:
        """Configure a target."""
        return await self.call(
            TargetOut,
            "POST",
            f"{WORKFLOW}/targets",
            json=target.model_dump(mode="json", context=REVEAL),
            token=token,
        )
