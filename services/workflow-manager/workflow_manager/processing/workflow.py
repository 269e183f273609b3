"""The workflow of a run of modules: which step follows which. Durable: kill it, it goes on."""

from collections.abc import Awaitable, Callable
from typing import Any

from scanhub_libraries.logging import get_logger
from workflow_manager.engine import Steps, WorkflowBody
from workflow_manager.processing.steps import ProcessingSteps

logger = get_logger(__name__)
Answer = dict[str, Any]
Step = Callable[..., Awaitable[Answer]]


class _Ended(Exception):  # noqa: N818 - not an error: the run took another way out
    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


def processing_workflow(do: ProcessingSteps) -> WorkflowBody:
    """Return the workflow function of runs of modules."""

    def body(steps: Steps, run_id: str) -> None:
        try:
            _work(steps, do, run_id)
        except _Ended as end:
            if "canceled" in end.answer:
                steps.run("cancel", do.cancel, run_id)
            elif "failed" in end.answer:
                steps.run("fail", do.fail, run_id, end.answer["failed"])
        steps.run("leave", do.leave, run_id)

    return body


def _work(steps: Steps, do: ProcessingSteps, run_id: str) -> None:
    plan = _go(steps, "plan", do.plan, run_id)
    for position in range(plan["first"], plan["last"] + 1):
        _go(steps, f"module {position}", do.compute, run_id, position)
    images = _go(steps, "index", do.index, run_id)
    _go(steps, "finish", do.finish, run_id, images)


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
            logger.exception("a step of processing failed", step=getattr(step, "__name__", ""))
            return {"failed": f"Something went wrong on our side: {error!r}"[:1000]}

    return run
