"""The reconstruction job: ``python -m scanhub_jobs.reconstruction``.

It speaks JSON lines on standard output: progress, then one result or one error. It ends with 0
when images were written, with 2 when the input cannot be processed, else with 1.
"""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from scanhub_jobs.command_line import EXIT_BAD_INPUT, ended, say, say_progress
from scanhub_jobs.dispatch import reconstruct_file
from scanhub_jobs.mr_dicom import write_mr_dicom
from scanhub_jobs.reconstruction_context import ReconstructionContext
from scanhub_jobs.reconstruction_parameters import ReconstructionParameters

__all__ = ["EXIT_BAD_INPUT", "main", "run", "say"]


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scanhub_jobs.reconstruction", description=__doc__)
    parser.add_argument("--input", type=Path, required=True, help="ISMRMRD file")
    parser.add_argument("--context", type=Path, required=True, help="patient and study, JSON")
    parser.add_argument("--output", type=Path, required=True, help="folder for the DICOM files")
    parser.add_argument("--parameters", type=Path, help="a JSON object; see docs/reconstruction.md")
    return parser.parse_args(arguments)


def run(
    source: Path, context_file: Path, output: Path, parameters_file: Path | None = None
) -> list[Path]:
    """Reconstruct a file and write its images."""
    parameters = ReconstructionParameters.read(parameters_file)
    context = ReconstructionContext.read(context_file)
    reconstruction = reconstruct_file(source, say_progress, parameters)
    say_progress(0.9, f"writing {len(reconstruction.slices)} images")
    made_at = (
        context.acquired_at or datetime.fromtimestamp(source.stat().st_mtime, UTC)
    ).astimezone()
    paths = write_mr_dicom(reconstruction, context, output, made_at=made_at)
    say_progress(1.0, "done")
    say(event="result", files=[p.name for p in paths], warnings=reconstruction.warnings)
    return paths


def main(arguments: list[str] | None = None) -> int:
    """Run the job; the exit code tells whether the input was at fault."""
    options = _arguments(arguments)
    return ended(lambda: run(options.input, options.context, options.output, options.parameters))


if __name__ == "__main__":
    raise SystemExit(main())
