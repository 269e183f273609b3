"""The workflow of a run of modules: which step follows which. Durable: kill it, it goes on."""

from workflow_manager.engine import RunEndedError, Steps, WorkflowBody, end, go
from workflow_manager.processing.steps import ProcessingSteps


def processing_workflow(do: ProcessingSteps) -> WorkflowBody:
    """Return the workflow function of runs of modules."""

    def body(steps: Steps, run_id: str) -> None:
        try:
            _work(steps, do, run_id)
        except RunEndedError as ended:
            end(steps, run_id, ended.answer, cancel=do.cancel, fail=do.fail)
        steps.run("leave", do.leave, run_id)

    return body


def _work(steps: Steps, do: ProcessingSteps, run_id: str) -> None:
    plan = go(steps, "plan", do.plan, run_id)
    for position in range(plan["first"], plan["last"] + 1):
        go(steps, f"module {position}", do.compute, run_id, position)
    images = go(steps, "index", do.index, run_id)
    go(steps, "finish", do.finish, run_id, images)
