"""A run as the API tells it."""

from typing import Any

from scanhub_libraries.models import RunOut
from workflow_manager.runs.models import Run


def describe(run: Run) -> RunOut:
    """Return a run with what it was told, what it worked on, and what came of it."""
    inputs: list[dict[str, Any]] = run.provenance.get("inputs") or [
        {"task_id": task_id, "result_id": result_id} for task_id, result_id in run.inputs.items()
    ]
    about = {
        "values": run.report,
        "inputs": inputs,
        "machine": run.provenance.get("machine"),
    }
    fields = {name: getattr(run, name) for name in RunOut.model_fields if name not in about}
    return RunOut.model_validate({**fields, **about})
