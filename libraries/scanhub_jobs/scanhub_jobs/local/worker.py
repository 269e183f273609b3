"""Run one job in a process of its own: ``python -m scanhub_jobs.local.worker RUN.json``.

The result is a document, in one step, whatever happens; only a crash leaves none.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

from scanhub_jobs.finding import find_job
from scanhub_jobs.local.opening import LocalRun, open_run
from scanhub_jobs.local.stores import write_whole
from scanhub_jobs.results import Ending, JobResult, State, execute, failure_of, result_of


def run_document(path: Path) -> JobResult:
    """Run what a document describes, and return how it ended."""
    run = LocalRun.model_validate_json(path.read_bytes())
    started = datetime.now(UTC)
    try:
        job = find_job(run.entry)
        params = job.parameters(run.parameters)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - importing runs what others wrote
        ending = Ending(state=State.FAILED, failure=failure_of(error))
        with open_run(run.model_dump()) as context:
            return result_of(context, ending, started, run.parameters)
    return execute(job, open_run(run.model_dump(), params))


def main() -> int:
    """Run the job; the exit code says only whether there is a result."""
    path = Path(sys.argv[1])
    result = run_document(path)
    result_file = LocalRun.model_validate_json(path.read_bytes()).result_file
    write_whole(result_file, result.model_dump_json(indent=2).encode())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
