"""The workflow of a run: which step follows which. Durable: kill -9 anywhere, it goes on."""

from workflow_manager.engine import RunEndedError, Steps, WorkflowBody, end, go
from workflow_manager.runs.service import ATTEMPTS
from workflow_manager.runs.steps import RunSteps


def run_workflow(do: RunSteps) -> WorkflowBody:
    """Return the workflow function of runs."""

    def body(steps: Steps, key: str) -> None:
        run_id = key.partition(":")[0]
        try:
            _work(steps, do, key, run_id)
        except RunEndedError as ended:
            answer = ended.answer
            if "later" in answer:
                steps.start(
                    ATTEMPTS.kind,
                    answer["later"],
                    queue=ATTEMPTS.queue,
                    delay_s=answer["wait_s"],
                    rank=answer["rank"],
                )
            elif "skipped" in answer:
                steps.run("skip", do.skip, run_id, answer["skipped"])
            else:
                end(steps, run_id, answer, cancel=do.cancel, fail=do.fail)

    return body


def _work(steps: Steps, do: RunSteps, key: str, run_id: str) -> None:
    source = go(steps, "prepare", do.prepare, key)["input"]
    files = go(steps, "compute", do.compute, run_id, source)["files"]
    series = go(steps, "index", do.index, run_id, files)["series"]
    go(steps, "finish", do.finish, run_id, files, series)
