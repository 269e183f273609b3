"""The workflow of a run: which step follows which. Durable: kill -9 anywhere, it goes on."""

from collections.abc import Awaitable, Callable
from typing import Any

from scanhub_libraries.logging import get_logger
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
            _work(steps, do, run_id)
        except _Ended as end:
            _end(steps, do, run_id, end.answer)

    return body


def _work(steps: Steps, do: RunSteps, run_id: str) -> None:
    source = _go(steps, "prepare", do.prepare, run_id)["input"]
    files = _go(steps, "compute", do.compute, run_id, source)["files"]
    series = _go(steps, "index", do.index, run_id, files)["series"]
    _go(steps, "finish", do.finish, run_id, files, series)


def _end(steps: Steps, do: RunSteps, run_id: str, why: Answer) -> None:
    """End the run."""
    if "canceled" in why:
        steps.run("cancel", do.cancel, run_id)
    elif "failed" in why:
        steps.run("fail", do.fail, run_id, why["failed"])


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
