"""What may run, and on what. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from uuid import UUID, uuid5

from scanhub_libraries.models import DAGTaskOut, ItemStatus, ResultOut, ResultType, TaskOut


class RunStatus(StrEnum):
    """State of a run."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


ENDED = frozenset({RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELED})
TASK_BUSY = frozenset({ItemStatus.STARTED, ItemStatus.INPROGRESS, ItemStatus.PAUSED})


class NotReadyError(Exception):
    """The inputs of a task are not there (yet); the text says which."""


def newest_raw_data(task: TaskOut) -> ResultOut | None:
    """Return the newest raw data of a task."""
    found = [r for r in task.results if r.type is ResultType.MRD and mrd_file(r) is not None]
    return max(found, key=lambda r: (r.datetime_created, r.id), default=None)


def mrd_file(result: ResultOut) -> str | None:
    """Return the name of the raw data file of a result."""
    return next((name for name in sorted(result.files) if name.lower().endswith(".mrd")), None)


def resolve_inputs(task: DAGTaskOut, tasks: Mapping[UUID, TaskOut]) -> dict[UUID, ResultOut]:
    """Return the result that each input task gives.

    Raises:
        NotReadyError: There is no input, or one has not finished or left no raw data.
    """
    if not task.input_task_ids:
        raise NotReadyError(f"Task {task.name!r} names no input task: choose one and start again.")
    inputs: dict[UUID, ResultOut] = {}
    for input_id in task.input_task_ids:
        source = tasks.get(input_id)
        if source is None:
            raise NotReadyError(f"An input of task {task.name!r} does not exist any more.")
        result = newest_raw_data(source)
        if result is None:
            raise NotReadyError(f"Input task {source.name!r} has no raw data yet: scan it first.")
        inputs[input_id] = result
    return inputs


def automatic_run_id(task_id: UUID, results: Iterable[UUID]) -> UUID:
    """Return the id of the run that a set of inputs starts: the same inputs start one run."""
    return uuid5(task_id, ",".join(sorted(str(result) for result in results)))


def result_id_of(run_id: UUID) -> UUID:
    """Return the id of the result that a run makes: repeating the step makes no second one."""
    return uuid5(run_id, "result")


def tasks_to_start(tasks: Sequence[TaskOut], finished: UUID) -> list[DAGTaskOut]:
    """Return the job tasks whose inputs are all finished, now that one of them is."""
    by_id = {task.id: task for task in tasks}
    ready = []
    for task in tasks:
        if not isinstance(task, DAGTaskOut) or task.is_template:
            continue
        if finished not in task.input_task_ids:
            continue
        sources = [by_id.get(input_id) for input_id in task.input_task_ids]
        if all(s is not None and s.status is ItemStatus.FINISHED for s in sources):
            ready.append(task)
    return ready
