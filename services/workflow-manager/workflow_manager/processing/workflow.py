"""The workflow of a run of modules: which step follows which. Durable: kill it, it goes on.

At a gate it ends; when a person has let the run go on, another one begins with the next module.
"""

from workflow_manager.engine import RunEndedError, Steps, WorkflowBody, end, go
from workflow_manager.processing.parts import parse_key
from workflow_manager.processing.steps import ProcessingSteps


def processing_workflow(do: ProcessingSteps) -> WorkflowBody:
    """Return the workflow function of runs of modules."""

    def body(steps: Steps, key: str) -> None:
        run_id, passed = parse_key(key)
        try:
            _work(steps, do, run_id, passed)
        except RunEndedError as ended:
            end(steps, run_id, ended.answer, cancel=do.cancel, fail=do.fail)
        steps.run("leave", do.leave, run_id, passed)

    return body


def _work(steps: Steps, do: ProcessingSteps, run_id: str, passed: int) -> None:
    plan = go(steps, "plan", do.plan, run_id)
    for position in range(plan["first"], plan["last"] + 1):
        go(steps, f"module {position}", do.compute, run_id, position, passed)
    images = go(steps, "index", do.index, run_id)
    go(steps, "finish", do.finish, run_id, images)
