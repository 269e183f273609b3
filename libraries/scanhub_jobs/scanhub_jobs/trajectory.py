"""Trajectories as files state them, brought to one unit: cycles per encoded field of view.

ISMRMRD does not say in which unit a trajectory is. A writer may say it: a `userParameterString`
of the header's `trajectoryDescription` with the name `unit` and one of the values below. Else it
follows from how far the trajectory reaches, which the encoded matrix tells: N / 2 cycles per field
of view, 0.5 cycles per sample, or N / (2 FOV) cycles per metre.
"""

import numpy as np
from numpy.typing import NDArray

from scanhub_jobs.encoding import Encoding
from scanhub_jobs.errors import JobInputError
from scanhub_jobs.raw_data import RawFile
from scanhub_jobs.reconstruction_parameters import TrajectoryUnit

_LOOKED_AT = 64
_SHORTEST, _LONGEST = 0.5, 1.5
_NEXT_BEST = 2.0


def unit_factors(encoding: Encoding, unit: str) -> NDArray[np.float32]:
    """Return what turns coordinates along x, y, z into cycles per encoded field of view.

    Raises:
        JobInputError: There is no such unit.
    """
    units = {
        "cycles_per_fov": np.ones(3),
        "cycles_per_sample": np.array(encoding.matrix),
        "per_m": np.array(encoding.fov_mm) / 1e3,
    }
    if unit not in units:
        raise JobInputError(
            f"The header states the unit {unit!r} of the trajectory; there are {', '.join(units)}."
        )
    return np.asarray(units[unit], dtype=np.float32)


def factors_of(
    raw: RawFile, rows: NDArray[np.intp], encoding: Encoding, unit: TrajectoryUnit
) -> NDArray[np.float32]:
    """Return what turns the trajectory of a file into cycles per encoded field of view.

    Args:
        raw: The file.
        rows: Its image readouts.
        encoding: Of the file.
        unit: What is wanted; `auto`: as the header states it, else by the reach.

    Raises:
        JobInputError: There is no trajectory, or its unit cannot be told.
    """
    silent = np.flatnonzero(raw.heads["trajectory_dimensions"][rows] < 1)
    if silent.size:
        raise JobInputError(
            f"The data are {raw.header.trajectory}, but readout {rows[silent[0]]} states no "
            "trajectory."
        )
    stated = raw.header.trajectory_unit if unit == "auto" else unit
    return unit_factors(encoding, stated or _unit_by_reach(raw, rows, encoding))


def _unit_by_reach(raw: RawFile, rows: NDArray[np.intp], encoding: Encoding) -> str:
    some = rows[:: max(1, len(rows) // _LOOKED_AT)]
    reach = 0.0
    for readout in raw.readouts(some, trajectory=True):
        if readout.trajectory is not None:
            reach = max(reach, float(np.abs(readout.trajectory[:, :2]).max()))
    size = encoding.matrix[0] / 2
    shares = {
        unit: reach * float(unit_factors(encoding, unit)[0]) / size
        for unit in ("cycles_per_fov", "cycles_per_sample", "per_m")
    }
    away = sorted((abs(np.log(max(share, 1e-9))), unit) for unit, share in shares.items())
    best = away[0][1]
    clear = away[1][0] - away[0][0] > np.log(_NEXT_BEST)
    if not (clear and _SHORTEST <= shares[best] <= _LONGEST):
        raise JobInputError(
            f"The trajectory reaches to {reach:g}, which fits a matrix of {encoding.matrix[0]} in "
            "no unit that is known: state the parameter trajectory_unit."
        )
    return best
