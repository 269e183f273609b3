"""How the processes share the work: as parts of the health, and as figures."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from scanhub_libraries.clock import utc_now
from scanhub_libraries.measures import Measure
from scanhub_libraries.models.health import HealthPart, HealthState
from scanhub_libraries.models.worker import QueueOut, WorkerOut
from workflow_manager.wiring import Wiring
from workflow_manager.workers.service import list_queues, list_workers


@dataclass(frozen=True, slots=True)
class Sharing:
    """The queues, and the processes that serve them."""

    queues: Sequence[QueueOut]
    workers: Sequence[WorkerOut]

    @property
    def receivers(self) -> list[str]:
        """Processes that do nothing but receive DICOM, and live."""
        return [
            worker.name
            for worker in self.workers
            if worker.kind == "receiver" and worker.state == "running"
        ]


async def look_at_sharing(wiring: Wiring) -> Sharing:
    """Look at them now."""
    workers = await list_workers(wiring)
    return Sharing(await list_queues(wiring, workers), workers)


def sharing_parts(shared: Sharing) -> Iterator[HealthPart]:
    """Yield what is worth a word of queues, and each process where there are several."""
    for queue in shared.queues:
        if queue.paused is not None:
            since = queue.paused.paused_at.strftime("%Y-%m-%d %H:%M UTC")
            why = f": {queue.paused.reason}" if queue.paused.reason else "."
            detail = f"Paused by {queue.paused.paused_by} since {since}{why}"
            yield _part(f"queue {queue.name}", "warning", detail, waiting=queue.waiting)
        elif queue.problem:
            state: HealthState = "failing" if queue.waiting else "warning"
            yield _part(f"queue {queue.name}", state, queue.problem, waiting=queue.waiting)
    if len(shared.workers) > 1:
        yield from (_of_worker(worker) for worker in shared.workers)


def _of_worker(worker: WorkerOut) -> HealthPart:
    where = f"process {worker.pid} on {worker.host}"
    seen = worker.seen_at.strftime("%Y-%m-%d %H:%M UTC")
    details = {
        "running": f"Runs: {where}.",
        "draining": f"Ends what it does and begins nothing: {where}.",
        "silent": f"No sign since {seen}, and nobody can take over its work: end {where}.",
        "lost": f"Ended without a word after {seen}; others do its work ({where}).",
    }
    state: HealthState = "ok" if worker.state in {"running", "draining"} else "warning"
    return _part(worker.name, state, details[worker.state], running=len(worker.running))


def _part(name: str, state: HealthState, detail: str, **numbers: float) -> HealthPart:
    return HealthPart(kind="worker", name=name, state=state, detail=detail, numbers=numbers)


def sharing_measures(shared: Sharing) -> Iterable[Measure]:
    """Return what Prometheus is told."""
    now, queues, workers = utc_now(), shared.queues, shared.workers
    of_queues: dict[str, tuple[str, Mapping[str, float]]] = {
        "paused": ("1: somebody paused it", {q.name: float(q.paused is not None) for q in queues}),
        "waiting": ("What waits in it", {q.name: q.waiting for q in queues}),
        "running": ("What runs of it", {q.name: q.running for q in queues}),
        "workers": ("Processes that do its work", {q.name: len(q.served_by) for q in queues}),
    }
    up = {worker.name: float(worker.state in {"running", "draining"}) for worker in workers}
    ages = {worker.name: max(0.0, (now - worker.seen_at).total_seconds()) for worker in workers}
    return (
        *(
            Measure(f"scanhub_queue_{name}", what, values, label="queue")
            for name, (what, values) in of_queues.items()
        ),
        Measure("scanhub_worker_up", "1: it lives and gives signs of it", up, label="worker"),
        Measure("scanhub_worker_last_sign_seconds", "Since its last sign", ages, label="worker"),
    )
