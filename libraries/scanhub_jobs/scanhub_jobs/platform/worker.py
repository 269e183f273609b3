"""Run one job of the platform: ``python -m scanhub_jobs.platform.worker``.

Two variables say where the platform is and open it; it is told how the job ended, whatever happens.
Only a crash leaves that to be seen from outside.
"""

import os
import sys
from typing import Any

from scanhub_jobs.errors import JobError, NotInJobError
from scanhub_jobs.finding import find_job
from scanhub_jobs.platform.backend import PlatformBackend, open_platform
from scanhub_jobs.platform.calls import Platform
from scanhub_jobs.platform.documents import TOKEN, URL, EndState, Failure, Report
from scanhub_jobs.platform.opening import context_over
from scanhub_jobs.results import Ending, JobFailure, State, execute, failure_of


def run_job(backend: PlatformBackend) -> Report:
    """Run the job that a backend is for, and return how it ended."""
    briefing = backend.briefing
    try:
        job = find_job(briefing.entry)
        params = job.parameters(briefing.parameters)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - importing runs what others wrote
        return report_of(Ending(state=State.FAILED, failure=failure_of(error)), briefing.parameters)
    result = execute(job, context_over(backend, params))
    ending = Ending(
        state=result.state,
        reason=result.reason,
        failure=result.failure,
        returned=result.returned,
    )
    return report_of(ending, result.parameters)


def report_of(ending: Ending, parameters: dict[str, Any]) -> Report:
    """Return how a job ended, as the platform takes it."""
    return Report(
        state=EndState(ending.state),
        reason=ending.reason[:20_000],
        failure=None if ending.failure is None else _failure(ending.failure),
        returned=ending.returned,
        parameters=parameters,
    )


def _failure(found: JobFailure) -> Failure:
    return Failure(
        kind=found.kind[:200],
        message=found.message[:20_000],
        traceback=found.traceback[-200_000:],
        input_at_fault=found.input_at_fault,
    )


def main() -> int:
    """Run the job; the exit code says only whether the platform was told."""
    url, token = os.environ.get(URL), os.environ.get(TOKEN)
    if not url or not token:
        sys.stderr.write(f"{URL} and {TOKEN} say which job this is; they are not set.\n")
        return 2
    try:
        report = run_job(open_platform(url, token))
        if report.failure is not None:
            sys.stderr.write(report.failure.traceback or f"{report.failure.message}\n")
        platform = Platform(url, token)  # that of the context went with it
        platform.call("PUT", "report", json=report.model_dump(mode="json"))
        platform.close()
    except NotInJobError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except JobError as error:
        sys.stderr.write(f"How the job ended cannot be told: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
