"""The scans of the demo's exam: each is started, reconstructed and sent to the archive."""

from typing import Any

from scanhub.demo.container import said_by_container
from scanhub.demo.data import DemoApi, ScanTasks
from scanhub.demo.follow import EventDocument, EventFollower
from scanhub.demo.stages import Stages

_SCAN_SECONDS = 600.0
_FOLLOW_UP_SECONDS = 120.0
_WRONG = frozenset({"exam.task.failed", "exam.task.canceled", "run.failed", "dispatch.failed"})
_MODULE_WRONG = frozenset({"processing.failed", "processing.canceled"})


async def follow_scan(
    api: DemoApi, scan: ScanTasks, follower: EventFollower, stages: Stages, *, container: bool
) -> None:
    """Start a scan and wait for each stage of it.

    Args:
        api: The platform.
        scan: Its tasks.
        follower: Hears of it.
        stages: What took how long.
        container: Its images go through the module container on their way.
    """
    follow = _Following(scan, follower)
    with stages.measure(f"{scan.short}: start to scanner") as stage:
        await api.call("POST", f"/workflowmanager/trigger_task/{scan.acquisition}/")
        await follow.until("acquisition.accepted", scan.acquisition, _FOLLOW_UP_SECONDS)
        stage.note = "claimed, checked, sent, accepted by the scanner"
    with stages.measure(f"{scan.short}: scan and upload") as stage:
        await follow.until("exam.task.finished", scan.acquisition, _SCAN_SECONDS)
        stage.note = "ISMRMRD checked, synced, stored"
    with stages.measure(f"{scan.short}: reconstruction") as stage:
        await follow.until("exam.task.finished", scan.reconstruction, _FOLLOW_UP_SECONDS)
        stage.note = "MR images in the index"
    if container:
        with stages.measure(f"{scan.short}: module container") as stage:
            await follow.until("processing.finished", None, _FOLLOW_UP_SECONDS)
            stage.note = f"a rule gave it the images; result.json: {await said_by_container(api)}"
    with stages.measure(f"{scan.short}: to the archive") as stage:
        await follow.until("dispatch.sent", scan.reconstruction, _FOLLOW_UP_SECONDS)
        stage.note = "C-STORE answered with success for every instance"


class _Following:
    """Waits for what happens to the tasks of one scan."""

    def __init__(self, scan: ScanTasks, follower: EventFollower) -> None:
        self._tasks = {str(scan.acquisition), str(scan.reconstruction)}
        self._follower = follower
        self._before = len(follower.events)

    async def until(self, kind: str, task: object, seconds: float) -> None:
        """Wait for an event of a task; none: of any."""
        await self._follower.wait_for(
            lambda event: (
                event["type"] == kind
                and (task is None or event["data"].get("task_id") == str(task))
            ),
            self._fails,
            seconds,
            kind,
            after=self._before,
        )

    def _fails(self, event: EventDocument) -> str | None:
        details: dict[str, Any] = event["data"]
        ours = event["type"] in _WRONG and details.get("task_id") in self._tasks
        if not ours and event["type"] not in _MODULE_WRONG:
            return None
        why = details.get("status_reason") or details.get("error") or details.get("reason")
        return f"{event['type']}: {why}"
