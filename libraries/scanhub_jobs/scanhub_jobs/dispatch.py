"""Reconstruct a file in the way that its trajectory asks for."""

from pathlib import Path

from scanhub_jobs.cartesian import PlainLines, Progress, checked_rows, reconstruct_grid
from scanhub_jobs.encoding import grid_encoding
from scanhub_jobs.epi import EpiLines
from scanhub_jobs.errors import JobInputError
from scanhub_jobs.noncartesian import reconstruct_noncartesian
from scanhub_jobs.raw_data import RawFile, open_raw_data
from scanhub_jobs.reconstruction_parameters import ReconstructionParameters
from scanhub_jobs.slices import Reconstruction
from scanhub_jobs.trajectory import factors_of

_DEFAULTS = ReconstructionParameters()


def reconstruct_file(
    path: Path,
    progress: Progress = lambda _fraction, _message: None,
    parameters: ReconstructionParameters = _DEFAULTS,
) -> Reconstruction:
    """Reconstruct an ISMRMRD file into slices.

    Raises:
        JobInputError: The file cannot be reconstructed; the text says why.
    """
    with open_raw_data(path) as raw:
        match raw.header.trajectory:
            case "cartesian":
                return reconstruct_grid(
                    raw,
                    grid_encoding(raw.header),
                    parameters,
                    progress,
                    source=PlainLines(),
                    warnings=[],
                )
            case "epi":
                return _echo_planar(raw, parameters, progress)
            case "radial" | "goldenangle" | "spiral" | "other":
                return reconstruct_noncartesian(raw, parameters, progress)
            case unknown:
                raise JobInputError(
                    f"The header states the trajectory {unknown!r}; this job knows cartesian, epi, "
                    "radial, goldenangle, spiral and other."
                )


def _echo_planar(
    raw: RawFile, parameters: ReconstructionParameters, progress: Progress
) -> Reconstruction:
    encoding, rows, warnings = grid_encoding(raw.header), checked_rows(raw), list[str]()
    factors = None
    if raw.heads["trajectory_dimensions"][rows].any():
        factors = factors_of(raw, rows, encoding, parameters.trajectory_unit)
    source = EpiLines(
        raw,
        rows,
        encoding,
        factors=factors,
        correct=parameters.phase_correction == "navigator",
        warnings=warnings,
    )
    return reconstruct_grid(raw, encoding, parameters, progress, source=source, warnings=warnings)
