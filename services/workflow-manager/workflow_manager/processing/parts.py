"""Behind each gate a run goes on as another workflow; the key of the workflow says which."""

from workflow_manager.processing.models import ProcessingRun


def key_of(run: ProcessingRun) -> str:
    """Return the key of the workflow that works on a run by now."""
    return f"{run.id}:{run.gates_passed}" if run.gates_passed else str(run.id)


def parse_key(key: str) -> tuple[str, int]:
    """Return the id of the run, and how many gates it has passed."""
    run_id, _, passed = key.partition(":")
    return run_id, int(passed or 0)
