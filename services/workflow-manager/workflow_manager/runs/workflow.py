"""The workflow of a run: which step follows which. Durable: kill -9 anywhere, it goes on."""

from workflow_manager.engine import RunEndedError, Steps, WorkflowBody, end, go
from workflow_manager.runs.steps import RunSteps


def run_workflow(do: RunSteps) -> WorkflowBody:
    """Return the workflow function of runs."""

    def body(steps: Steps, run_id: str) -> None:
        try:
            _work(steps, do, run_id)
        except RunEndedError as ended:
            end(steps, run_id, ended.answer, cancel=do.cancel, fail=do.fail)

    return body


def _work(steps: Steps, do: RunSteps, run_id: str) -> None:
    source = go(steps, "prepare", do.prepare, run_id)["input"]
    files = go(steps, "compute", do.compute, run_id, source)["files"]
    series = go(steps, "index", do.index, run_id, files)["series"]
    go(steps, "finish", do.finish, run_id, files, series)
