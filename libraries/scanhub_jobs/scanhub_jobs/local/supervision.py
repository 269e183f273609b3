"""One attempt at a job: a process that is heard, told to stop, and killed when it does not."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scanhub_jobs.job_context import ENVIRONMENT
from scanhub_jobs.local.opening import LocalRun, write_run
from scanhub_jobs.results import JobFailure, JobResult, State

Heard = Callable[[dict[str, Any]], None]
_TAIL = 4000


@dataclass
class Limits:
    """How long a job may take."""

    timeout_s: float | None = None
    grace_s: float = 5.0
    """How long it may go on after it was told to stop."""
    interrupted: bool = False
    """Whether somebody pressed Ctrl-C; set while it runs"""


def run_attempt(run: LocalRun, limits: Limits, heard: Heard) -> JobResult:
    """Run a job once and return how it ended; every end has a result.

    Args:
        run: What to run.
        limits: Its time.
        heard: Told of each JSON line that the job says.
    """
    run.result_file.unlink(missing_ok=True)
    run.stop_file.unlink(missing_ok=True)
    document = run.result_file.with_name("run.json")
    write_run(run, document)
    started = datetime.now(UTC)
    errors = run.result_file.with_name("errors.txt")
    with errors.open("wb") as error_file:
        process = _start(document, error_file.fileno())
        listener = threading.Thread(target=_listen, args=(process, heard), daemon=True)
        listener.start()
        why = _wait(process, run.stop_file, limits)
        listener.join(limits.grace_s)  # what left the group may hold the line open
    document.unlink()
    run.stop_file.unlink(missing_ok=True)
    tail = errors.read_bytes()[-_TAIL:].decode(errors="replace")
    return _result(run, process.returncode, why, started, tail)


def _start(document: Path, errors: int) -> "subprocess.Popen[bytes]":
    path = os.pathsep.join(p for p in (str(Path.cwd()), os.environ.get("PYTHONPATH", "")) if p)
    supervised = ["scanhub_jobs.supervised", str(os.getpid()), "scanhub_jobs.local.worker"]
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", *supervised, str(document)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": path, ENVIRONMENT: str(document)},
    )


def _listen(process: "subprocess.Popen[bytes]", heard: Heard) -> None:
    if process.stdout is None:
        return
    with process.stdout:
        for raw in process.stdout:
            try:
                line = json.loads(raw)
            except ValueError:
                line = {"event": "printed", "message": raw.decode(errors="replace").rstrip("\n")}
            heard(line if isinstance(line, dict) else {"event": "printed", "message": str(line)})


def _wait(process: "subprocess.Popen[bytes]", stop_file: Path, limits: Limits) -> State | None:
    """Wait for the end; return why it was ended, if it was."""
    why: State | None = None
    try:
        process.wait(limits.timeout_s)
    except subprocess.TimeoutExpired:
        why = State.TIMED_OUT
    except KeyboardInterrupt:
        why, limits.interrupted = State.CANCELLED, True
    if why is not None:
        stop_file.touch()
        with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            process.wait(limits.grace_s)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # the job, and whatever it left behind
    process.wait()
    if process.stdin is not None:
        process.stdin.close()
    return why


def _result(run: LocalRun, code: int, why: State | None, started: datetime, tail: str) -> JobResult:
    if run.result_file.is_file():
        result = JobResult.model_validate_json(run.result_file.read_bytes())
        if why is State.TIMED_OUT and result.state is not State.SUCCEEDED:
            result.state, result.reason = why, "The job took longer than its timeout."
        return result
    failure = None if why is not None else JobFailure(kind=_ended_by(code), message=_words(tail))
    return JobResult(
        state=why or State.FAILED,
        job=run.run.job,
        session=run.run.session,
        subject=run.run.subject,
        started_at=started,
        ended_at=datetime.now(UTC),
        parameters=run.parameters,
        reason="It did not stop when it was told to, and was killed." if why else "",
        failure=failure,
    )


def _ended_by(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _words(tail: str) -> str:
    lines = tail.strip().splitlines()
    return lines[-1] if lines else "The process ended without a result."
