"""The steps of a run, one after the other, and the ways in which one of them ends the run.

A step answers with JSON values. `canceled`: somebody stopped the run. `failed`: a reason for a
person. `skipped`: one why there is nothing to do. `ended`: it was over already. `later`: the run
begins anew another time. With anything else the run goes on.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from scanhub_libraries.logging import get_logger
from workflow_manager.engine.port import Steps

logger = get_logger(__name__)
StepAnswer = dict[str, Any]
Step = Callable[..., Awaitable[StepAnswer]]
_ENDS = frozenset({"ended", "canceled", "failed", "skipped", "later"})


class RunEndedError(Exception):
    """A step has ended the run.

    Args:
        answer: What it said.
    """

    def __init__(self, answer: StepAnswer) -> None:
        super().__init__()
        self.answer = answer


def go(steps: Steps, name: str, step: Step, *arguments: Any) -> StepAnswer:
    """Do a step, once however often the run is repeated.

    Raises:
        RunEndedError: The run does not go on.
    """
    answer: StepAnswer = steps.run(name, _guarded(step), *arguments)
    if answer.keys() & _ENDS:
        raise RunEndedError(answer)
    return answer


def end(steps: Steps, run_id: str, answer: StepAnswer, *, cancel: Step, fail: Step) -> None:
    """End a run as a step has said."""
    if "canceled" in answer:
        steps.run("cancel", cancel, run_id)
    elif "failed" in answer:
        steps.run("fail", fail, run_id, answer["failed"])


def _guarded(step: Step) -> Step:
    """Turn what nobody foresaw into a reason: a run never ends without one."""

    async def run(*arguments: Any) -> StepAnswer:
        try:
            return await step(*arguments)
        except Exception as error:
            logger.exception("a step of a run failed", step=getattr(step, "__name__", ""))
            return {"failed": f"Something went wrong on our side: {error!r}"[:1000]}

    return run
