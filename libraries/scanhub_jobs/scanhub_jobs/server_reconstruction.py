"""Reconstruction by a server: ``python -m scanhub_jobs.server_reconstruction``.

The raw data go to a server of the MRD streaming protocol, and its images become DICOM here. The
job speaks as `scanhub_jobs.reconstruction` does.
"""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from scanhub_jobs.command_line import ended, say, say_progress
from scanhub_jobs.mr_dicom import write_mr_dicom
from scanhub_jobs.mrd_images import series_of
from scanhub_jobs.mrd_session import Server, reconstruct_elsewhere
from scanhub_jobs.raw_data import open_raw_data
from scanhub_jobs.reconstruction_context import ReconstructionContext
from scanhub_jobs.server_parameters import ServerParameters


def run(source: Path, context_file: Path, output: Path, parameters_file: Path) -> list[Path]:
    """Have a file reconstructed, and write its images."""
    parameters = ServerParameters.read(parameters_file)
    context = ReconstructionContext.read(context_file)
    server = Server(**parameters.model_dump())
    with open_raw_data(source) as raw:
        images = reconstruct_elsewhere(server, raw, say_progress)
        series = series_of(images, raw.header)
    say_progress(0.9, f"writing {sum(len(one.reconstruction.slices) for one in series)} images")
    made_at = (
        context.acquired_at or datetime.fromtimestamp(source.stat().st_mtime, UTC)
    ).astimezone()
    paths: list[Path] = []
    for number, one in enumerate(series):
        paths += write_mr_dicom(
            one.reconstruction, context, output, made_at=made_at, kind=one.kind, part=number
        )
    say_progress(1.0, "done")
    warnings = sorted({text for one in series for text in one.reconstruction.warnings})
    say(event="result", files=[path.name for path in paths], warnings=warnings)
    return paths


def main(arguments: list[str] | None = None) -> int:
    """Run the job; the exit code tells whether the input was at fault."""
    parser = argparse.ArgumentParser(prog="scanhub_jobs.server_reconstruction", description=__doc__)
    parser.add_argument("--input", type=Path, required=True, help="ISMRMRD file")
    parser.add_argument("--context", type=Path, required=True, help="patient and study, JSON")
    parser.add_argument("--output", type=Path, required=True, help="folder for the DICOM files")
    parser.add_argument("--parameters", type=Path, required=True, help="a JSON object, with host")
    options = parser.parse_args(arguments)
    return ended(lambda: run(options.input, options.context, options.output, options.parameters))


if __name__ == "__main__":
    raise SystemExit(main())
