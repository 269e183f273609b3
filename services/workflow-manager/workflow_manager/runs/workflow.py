"""The workflow of a run: which step follows which. Durable: kill -9 anywhere, it goes on."""

from collections.abc import Awaitable, Callable
from typing import Any

from scanhub_libraries.logging import get_logger
from workflow_manager.dispatch.rules import Attempt
from workflow_manager.dispatch.service import KIND as DISPATCH
from workflow_manager.dispatch.service import QUEUE as DISPATCH_QUEUE
from workflow_manager.engine import Steps, WorkflowBody
from workflow_manager.runs.steps import RunSteps

logger = get_logger(__name__)
Answer = dict[str, Any]
Step = Callable[..., Awaitable[Answer]]


class _Ended(Exception):  # noqa: N818 - not an error: the run took another way out
    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


def run_workflow(do: RunSteps) -> WorkflowBody:
    """Return the workflow function of runs."""

    def body(steps: Steps, run_id: str) -> None:
        try:
            dispatches = _work(steps, do, run_id)
        except _Ended as end:
            dispatches = _end(steps, do, run_id, end.answer)
        for dispatch in dispatches:
            attempt = Attempt(*dispatch)
            steps.start(DISPATCH, attempt.key, queue=DISPATCH_QUEUE, partition=attempt.target)

    return body


def _work(steps: Steps, do: RunSteps, run_id: str) -> list[list[str]]:
    source = _go(steps, "prepare", do.prepare, run_id)["input"]
    files = _go(steps, "compute", do.compute, run_id, source)["files"]
    series = _go(steps, "index", do.index, run_id, files)["series"]
    dispatches: list[list[str]] = _go(steps, "finish", do.finish, run_id, files, series)[
        "dispatches"
    ]
    return dispatches


def _end(steps: Steps, do: RunSteps, run_id: str, why: Answer) -> list[list[str]]:
    """End the run; where the task turns out to have its result, what goes to whom."""
    answer: Answer = {}
    if "canceled" in why:
        answer = steps.run("cancel", do.cancel, run_id)
    elif "failed" in why:
        answer = steps.run("fail", do.fail, run_id, why["failed"])
    dispatches: list[list[str]] = answer.get("dispatches", [])
    return dispatches


def _go(steps: Steps, name: str, step: Step, *arguments: Any) -> Answer:
    answer: Answer = steps.run(name, _guarded(step), *arguments)
    if answer.keys() & {"ended", "canceled", "failed"}:
        raise _Ended(answer)
    return answer


def _guarded(step: Step) -> Step:
    """Turn what nobody foresaw into a reason: a run never ends without one."""

    async def run(*arguments: Any) -> Answer:
        try:
            return await step(*arguments)
        except Exception as error:
            logger.exception("a step of a run failed", step=getattr(step, "__name__", ""))
            return {"failed": f"Something went wrong on our side: {error!r}"[:1000]}

    return run
