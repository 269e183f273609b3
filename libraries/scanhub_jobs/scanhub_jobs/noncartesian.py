"""Reconstruct readouts that lie on no grid: spokes, spirals, whatever states its trajectory."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanhub_jobs.cartesian import Progress, checked_rows
from scanhub_jobs.coils import adaptive, root_sum_of_squares, whitening
from scanhub_jobs.encoding import Encoding, grid_encoding
from scanhub_jobs.errors import JobInputError
from scanhub_jobs.gridding import Gridding, density_compensation, gridding_bytes
from scanhub_jobs.raw_data import REVERSE_FLAG, RawFile, Readout
from scanhub_jobs.reconstruction_parameters import ReconstructionParameters
from scanhub_jobs.slices import ImageSlice, Key, Reconstruction, gathered, placed, volumes_of
from scanhub_jobs.trajectory import factors_of
from scanhub_jobs.transform import Complexes

_GIB = 1 << 30
_REVERSED = 1 << (REVERSE_FLAG - 1)
_IN_PLANE = 2
_VOXEL_BYTES = 8
_MOST_NAMED = 8


@dataclass(frozen=True)
class _Samples:
    """The readouts of one volume, one behind the other."""

    k: NDArray[np.float32]
    """[sample, axis] in cycles per field of view."""
    values: Complexes
    """[coil, sample]."""


def reconstruct_noncartesian(
    raw: RawFile, parameters: ReconstructionParameters, progress: Progress
) -> Reconstruction:
    """Reconstruct all volumes of a file by its trajectory.

    Raises:
        JobInputError: The file cannot be reconstructed; the text says why.
    """
    encoding, rows, warnings = grid_encoding(raw.header), checked_rows(raw), list[str]()
    coils = int(raw.heads["active_channels"][rows[0]])
    factors = factors_of(raw, rows, encoding, parameters.trajectory_unit)
    white = whitening(raw, coils, warnings) if parameters.prewhitening else None
    volumes = {key: rows[part] for key, part in volumes_of(raw.heads[rows]).items()}
    slices: list[ImageSlice] = []
    operator = _Operator(encoding, parameters)
    for number, (key, part) in enumerate(sorted(volumes.items())):
        _check_whole(raw, key, part, warnings)
        _check_memory(raw, part, encoding, parameters)
        samples = _samples(raw, part, encoding, factors, coils)
        if white is not None:
            samples = _Samples(samples.k, white @ samples.values)
        image = _combined(operator.images(samples), encoding, parameters)
        slices += placed(image, encoding, raw.heads[part], key, warnings)
        progress(0.05 + 0.85 * (number + 1) / len(volumes), "reconstructing")
    return gathered(slices, raw.header, encoding, warnings)


class _Operator:
    """The transform of a trajectory, kept for the next volume, which mostly has the same one."""

    def __init__(self, encoding: Encoding, parameters: ReconstructionParameters) -> None:
        self._pixels = encoding.grid if encoding.three_dimensional else encoding.grid[:2]
        self._parameters = parameters
        self._k: NDArray[np.float32] | None = None

    def images(self, samples: _Samples) -> Complexes:
        """Return [coil, z, y, x]."""
        inside = (np.abs(samples.k) <= np.array(self._pixels) / 2).all(axis=1)
        if not inside.any():
            raise JobInputError("The trajectory lies outside of what the matrix holds.")
        k = samples.k[inside]
        if self._k is None or not np.array_equal(k, self._k):
            self._k = k
            self._gridding = Gridding(k, self._pixels)
            self._weights = self._density(k)
        weighted = samples.values[:, inside] * self._weights
        image = self._gridding.adjoint(np.ascontiguousarray(weighted.T))
        return image if len(self._pixels) > _IN_PLANE else image[:, None]

    def _density(self, k: NDArray[np.float32]) -> NDArray[np.float32]:
        reach = np.linalg.norm(k, axis=1)
        weights = np.ones(len(k), dtype=np.float32)
        if self._parameters.density_compensation == "iterative":
            weights = density_compensation(k, self._pixels)
        elif self._parameters.density_compensation == "ramp":
            step = float(np.median(np.abs(np.diff(reach))))
            weights = np.maximum(reach, step / 4) ** (len(self._pixels) - 1)
        if self._parameters.apodization == "hann":
            weights = weights * (0.5 + 0.5 * np.cos(np.pi * reach / reach.max()))
        return np.asarray(weights / weights.sum(), dtype=np.float32)


def _check_whole(raw: RawFile, key: Key, rows: NDArray[np.intp], warnings: list[str]) -> None:
    """Say which readouts are missing; an image of half of them is none."""
    awaited = raw.header.lines[0]
    there = np.unique(raw.heads["idx"]["kspace_encode_step_1"][rows])
    if awaited is None or len(there) >= awaited:
        return
    missing = np.setdiff1d(np.arange(awaited), there)
    named = ", ".join(str(number) for number in missing[:_MOST_NAMED])
    more = ", ..." if len(missing) > _MOST_NAMED else ""
    text = (
        f"{len(missing)} of {awaited} readouts of slice {key[0]} are missing: "
        f"kspace_encode_step_1 {named}{more}."
    )
    if 2 * len(there) < awaited:
        raise JobInputError(text)
    warnings.append(text)


def _check_memory(
    raw: RawFile, rows: NDArray[np.intp], encoding: Encoding, parameters: ReconstructionParameters
) -> None:
    heads = raw.heads[rows]
    samples = int(heads["number_of_samples"].astype(np.int64).sum())
    coils = int(heads["active_channels"].max())
    x, y, z = encoding.grid
    dimensions = 3 if encoding.three_dimensional else 2
    needed = gridding_bytes(samples, dimensions) * 2
    needed += (samples + x * y * z * 2**dimensions) * coils * _VOXEL_BYTES * 2
    if needed > parameters.memory_gib * _GIB:
        raise JobInputError(
            f"A volume of {samples} samples with {coils} coils takes {needed / _GIB:.1f} GiB of "
            f"memory; memory_gib allows {parameters.memory_gib:g}."
        )


def _samples(
    raw: RawFile,
    rows: NDArray[np.intp],
    encoding: Encoding,
    factors: NDArray[np.float32],
    coils: int,
) -> _Samples:
    places, values = [], []
    for k, readout in _positions(raw, rows, encoding, factors):
        head = raw.heads[readout.number]
        if len(readout.samples) != coils:
            raise JobInputError(
                f"Readout {readout.number} has {len(readout.samples)} receive coils, the first one "
                f"has {coils}."
            )
        before, behind = int(head["discard_pre"]), int(head["discard_post"])
        if int(head["flags"]) & _REVERSED:
            before, behind = behind, before
        used = slice(before, len(k) - behind)
        places.append(k[used])
        values.append(readout.samples[:, used])
    return _Samples(np.concatenate(places), np.concatenate(values, axis=1))


def _positions(
    raw: RawFile, rows: NDArray[np.intp], encoding: Encoding, factors: NDArray[np.float32]
) -> Iterator[tuple[NDArray[np.float32], Readout]]:
    """Yield the readouts with where their samples lie; partitions may be in the counters."""
    axes = 3 if encoding.three_dimensional else 2
    for readout in raw.readouts(rows, trajectory=True):
        path = readout.trajectory
        if path is None or path.shape[1] < _IN_PLANE:
            raise JobInputError(f"Readout {readout.number} has no trajectory in two dimensions.")
        known = min(path.shape[1], axes)
        k = np.zeros((len(path), axes), dtype=np.float32)
        k[:, :known] = path[:, :known] * factors[:known]
        if known < axes:
            step = int(raw.heads["idx"]["kspace_encode_step_2"][readout.number])
            k[:, 2] = step - encoding.centre[2]
        yield k, readout


def _combined(
    images: Complexes, encoding: Encoding, parameters: ReconstructionParameters
) -> NDArray[np.float32]:
    """Cut out the field of view, combine the coils."""
    for axis, keep in enumerate(reversed(encoding.recon_matrix), start=1):
        begin = images.shape[axis] // 2 - keep // 2
        images = np.take(images, range(begin, begin + keep), axis=axis)
    adaptively = parameters.coil_combination == "adaptive"
    return adaptive(images) if adaptively else root_sum_of_squares(images)
