"""How a job speaks: JSON lines on standard output, and an exit code that says who is at fault."""

import argparse
import json
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from scanhub_jobs.errors import JobInputError
from scanhub_jobs.parameters import JobParameters

EXIT_BAD_INPUT = 2


def say(**line: Any) -> None:
    """Write a JSON line for whoever started the job."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def say_progress(fraction: float, message: str) -> None:
    """Tell how far the job is, from 0 to 1."""
    say(event="progress", percent=round(100 * fraction), message=message)


def ended(work: Callable[[], object]) -> int:
    """Do the work of a job; return its exit code. Its last word is always a JSON line."""
    try:
        work()
    except JobInputError as error:
        say(event="error", detail=str(error), input_at_fault=True)
        return EXIT_BAD_INPUT
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
        traceback.print_exc()
        say(event="error", detail=f"The job failed: {error}", input_at_fault=False)
        return 1
    return 0


_Parameters = TypeVar("_Parameters", bound=JobParameters)


def report_job(
    arguments: list[str] | None,
    name: str,
    model: type[_Parameters],
    report: Callable[[Path, _Parameters], dict[str, Any]],
) -> int:
    """Run a job that makes `report.json` of its input.

    Args:
        arguments: Of the command line; None: those of this process.
        name: Of the module.
        model: Of its parameters.
        report: Makes the report, of the input and the parameters.
    """
    parser = argparse.ArgumentParser(prog=f"scanhub_jobs.{name}", description=report.__doc__)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--context", type=Path, help="not needed; every job may be given one")
    parser.add_argument("--output", type=Path, required=True, help="folder for report.json")
    parser.add_argument("--parameters", type=Path, help="a JSON object")
    options = parser.parse_args(arguments)

    def work() -> None:
        made = report(options.input, model.read(options.parameters))
        options.output.mkdir(parents=True, exist_ok=True)
        (options.output / "report.json").write_text(json.dumps(made, indent=2) + "\n")
        say(event="result", files=["report.json"], warnings=made["notes"], values=made["values"])

    return ended(work)
