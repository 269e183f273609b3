"""A run as the API tells it."""

from typing import Any

from scanhub_libraries.models import RunOut
from scanhub_libraries.models.run import RunFailure
from workflow_manager.runs.models import Run
from workflow_manager.runs.rules import RunStatus, overdue_words


def describe(run: Run) -> RunOut:
    """Return a run with what it was told, what it worked on, and what came of it."""
    inputs: list[dict[str, Any]] = run.provenance.get("inputs") or [
        {"task_id": task_id, "result_id": result_id} for task_id, result_id in run.inputs.items()
    ]
    about = {
        "failure": failure_of(run),
        "waits_for": waits_for(run),
        "parameters": run.told_parameters,
        "values": run.report,
        "inputs": inputs,
        "machine": run.provenance.get("machine"),
        "review": run.review or None,
    }
    fields = {name: getattr(run, name) for name in RunOut.model_fields if name not in about}
    return RunOut.model_validate({**fields, **about})


def waits_for(run: Run) -> str | None:
    """Return what a run waits for, in words; None: it does not wait."""
    return "Waits for its turn." if run.status is RunStatus.QUEUED else run.waits_for


def failure_of(run: Run) -> RunFailure | None:
    """Return why a run failed, for programs; None: it has not."""
    if run.status not in {RunStatus.FAILED, RunStatus.TIMED_OUT}:
        return None
    code = run.exit_code
    late = run.error == overdue_words(run.deadline_at)
    if run.status is RunStatus.TIMED_OUT:
        return RunFailure(kind="deadline" if late else "timeout", exit_code=code, may_help=True)
    if run.input_at_fault:
        return RunFailure(kind="input", exit_code=code, may_help=False)
    if not code:  # it never began, or it ended well
        return RunFailure(kind="platform", exit_code=code, may_help=True)
    return RunFailure(kind="killed" if code < 0 else "crash", exit_code=code, may_help=True)
