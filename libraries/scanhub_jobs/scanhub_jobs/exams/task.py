"""A job of the SDK as a task of an exam: ``python -m scanhub_jobs.exams.task``.

It speaks as the platform's own jobs do: JSON lines on standard output, progress, then one result or
one error. What the job logs are lines of text. Session data and files stay in the folder of the
session, also when it fails, for the next attempt and for people to look at.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scanhub_jobs.backend import Reads
from scanhub_jobs.command_line import EXIT_BAD_INPUT, say, say_progress
from scanhub_jobs.errors import JobInputError
from scanhub_jobs.exams.given import Given, check_inputs, read_given, read_parameters
from scanhub_jobs.exams.leaving import leave, strangers
from scanhub_jobs.exams.running import executions_of, run_all
from scanhub_jobs.finding import find_job
from scanhub_jobs.results import JobResult, State, failure_of


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scanhub_jobs.exams.task", description=__doc__)
    parser.add_argument("--entry", required=True, help="module:function")
    parser.add_argument(
        "--input", type=Path, action="append", required=True, help="ISMRMRD file, or DICOM folder"
    )
    parser.add_argument("--context", type=Path, required=True, help="patient and study, JSON")
    parser.add_argument("--output", type=Path, required=True, help="folder of the result")
    parser.add_argument("--parameters", type=Path, help="a JSON object")
    parser.add_argument("--session", type=Path, required=True, help="folder of the session")
    parser.add_argument("--stop", type=Path, required=True, help="appears when it shall stop")
    parser.add_argument("--timeout", type=float, help="how long it has [s]")
    parser.add_argument("--attempt", type=int, default=1)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job; the exit code tells whether the input was at fault."""
    options = _arguments(arguments)
    try:
        results, given = _run(options)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - importing runs what others wrote
        failure = failure_of(error)
        sys.stderr.write(failure.traceback)
        return _refused(failure.message, at_fault=failure.input_at_fault)
    bad = next((one for one in results if one.state not in _WELL), None)
    if bad is not None:
        return _failed(bad)
    leave(results, given, options.output)
    say_progress(1.0, "done")
    say(event="result", values=_values(results), warnings=_warnings(results, given, options.output))
    return 0


_WELL = frozenset({State.SUCCEEDED, State.SKIPPED, State.BLOCKED})


def _run(options: argparse.Namespace) -> tuple[list[JobResult], Given]:
    job = find_job(options.entry)
    given = read_given(
        options.input,
        options.context,
        options.session,
        stop_file=options.stop,
        timeout_s=options.timeout,
        attempt=options.attempt,
    )
    check_inputs(given, raw_data=job.manifest.reads is Reads.RAW_DATA)
    work = executions_of(job, read_parameters(options.parameters), given)
    if not work:
        raise JobInputError("There is nothing that the job could work on.")
    return run_all(work, given), given


def _refused(detail: str, *, at_fault: bool) -> int:
    say(event="error", detail=detail, input_at_fault=at_fault)
    return EXIT_BAD_INPUT if at_fault else 1


def _failed(result: JobResult) -> int:
    if result.failure is None:
        return _refused(result.reason or f"The job is {result.state}.", at_fault=False)
    sys.stderr.write(result.failure.traceback)
    kind, at_fault = result.failure.kind, result.failure.input_at_fault
    text = result.failure.message if at_fault else f"{kind}: {result.failure.message}"
    return _refused(f"{result.job.name}: {text}", at_fault=at_fault)


def _values(results: Sequence[JobResult]) -> dict[str, Any]:
    """Return what the last job returned; for several subjects what it returned for each."""
    name = results[-1].job.name
    own = [one for one in results if one.job.name == name and one.state is State.SUCCEEDED]
    told = {one.subject.key: one.returned for one in own if one.returned is not None}
    if len(own) > 1 or not told:
        return told
    (returned,) = told.values()
    return returned if isinstance(returned, dict) else {"returned": returned}


def _warnings(results: Sequence[JobResult], given: Given, output: Path) -> list[str]:
    found = [
        f"{one.job.name} did not run for {one.subject.key}: {one.reason or one.state}"
        for one in results
        if one.state is not State.SUCCEEDED
    ]
    others = strangers(output, given.context.study.instance_uid)
    if others:
        found.append(f"{others} of its images are of another study than the exam's.")
    return found


if __name__ == "__main__":
    raise SystemExit(main())
