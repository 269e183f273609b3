"""Reconstruct fully sampled Cartesian raw data.

The signal is s(k) = integral of rho(r) exp(-2 pi i k r) dr, so the image is the inverse transform
with the positive sign; voxel n of N lies (n - N // 2) voxel sizes from the centre that the
readouts state.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from scanhub_jobs.encoding import Encoding, cartesian_encoding
from scanhub_jobs.errors import JobInputError
from scanhub_jobs.geometry import Plane, Vector, checked_directions, for_display
from scanhub_jobs.mrd_header import Header
from scanhub_jobs.raw_data import RawData, read_raw_data

Progress = Callable[[float, str], None]
_SAME_PLACE_MM = 1e-3
VOLUME_COUNTERS = ("slice", "contrast", "phase", "repetition", "set")
"""Readouts that agree in these are of one image, or of one volume."""


@dataclass(frozen=True)
class ImageSlice:
    """One reconstructed slice, standing as a radiologist expects it."""

    pixels: NDArray[np.float32]
    plane: Plane
    contrast: int
    repetition: int
    phase: int
    set: int


@dataclass(frozen=True)
class Reconstruction:
    """The images of one raw data file."""

    slices: list[ImageSlice]
    header: Header
    three_dimensional: bool
    spacing_mm: float
    """Distance between the centres of neighbouring slices."""
    warnings: list[str]


def reconstruct_cartesian(
    path: Path, progress: Progress = lambda _fraction, _message: None
) -> Reconstruction:
    """Reconstruct an ISMRMRD file into slices.

    Raises:
        JobInputError: The file cannot be reconstructed; the text says why.
    """
    raw = read_raw_data(path)
    encoding = cartesian_encoding(raw.header)
    if np.any(raw.heads["encoding_space_ref"] != 0):
        raise JobInputError("The file mixes several encodings; this job handles one.")
    progress(0.1, f"{len(raw.samples)} readouts read")
    volumes = _volumes(raw)
    slices: list[ImageSlice] = []
    warnings: list[str] = []
    for number, (key, rows) in enumerate(sorted(volumes.items())):
        slices += reconstruct_volume(raw, encoding, key, rows, warnings)
        progress(0.1 + 0.8 * (number + 1) / len(volumes), "reconstructing")
    spacing = _spacing(slices, encoding)
    slices.sort(key=lambda s: (s.contrast, s.repetition, s.phase, s.set, round(s.plane.depth, 3)))
    return Reconstruction(
        slices, raw.header, encoding.three_dimensional, spacing, sorted(set(warnings))
    )


def _volumes(raw: RawData) -> dict[tuple[int, ...], list[int]]:
    volumes: dict[tuple[int, ...], list[int]] = {}
    counters = np.stack([raw.heads["idx"][name] for name in VOLUME_COUNTERS], axis=1)
    for row, key in enumerate(map(tuple, counters.tolist())):
        volumes.setdefault(key, []).append(row)
    return volumes


def reconstruct_volume(
    raw: RawData, encoding: Encoding, key: tuple[int, ...], rows: list[int], warnings: list[str]
) -> list[ImageSlice]:
    """Reconstruct the readouts of one volume.

    Args:
        raw: Readouts, of this volume and maybe others.
        encoding: The grid.
        key: The counters of the volume, as in `VOLUME_COUNTERS`.
        rows: Which of the readouts are the volume's.
        warnings: Where to say what was assumed.

    Raises:
        JobInputError: It cannot be reconstructed, or is not whole.
    """
    kspace = _fill(raw, encoding, rows)
    image = _to_image(kspace, encoding)
    centre, directions = _placement(raw, rows, warnings)
    _, contrast, phase, repetition, set_ = key
    made = []
    for index, plane in enumerate(_planes(encoding, centre, directions)):
        pixels, shown = for_display(image[index], plane)
        made.append(ImageSlice(pixels, shown, contrast, repetition, phase, set_))
    return made


def _fill(raw: RawData, encoding: Encoding, rows: list[int]) -> NDArray[np.complex64]:
    """Place the readouts of one volume; repeated lines are averaged."""
    size_x, size_y, size_z = encoding.matrix
    coils = raw.samples[rows[0]].shape[0]
    kspace = np.zeros((coils, size_z, size_y, size_x), dtype=np.complex64)
    counts = np.zeros((size_z, size_y), dtype=np.int32)
    for row in rows:
        samples, head = raw.samples[row], raw.heads[row]
        if samples.shape[0] != coils:
            raise JobInputError("The number of receive coils changes within the data.")
        y = int(head["idx"]["kspace_encode_step_1"]) - encoding.centre[1] + size_y // 2
        z = int(head["idx"]["kspace_encode_step_2"]) - encoding.centre[2] + size_z // 2
        if not (0 <= y < size_y and 0 <= z < size_z):
            raise JobInputError(
                f"A readout states k-space line {head['idx']['kspace_encode_step_1']}, partition "
                f"{head['idx']['kspace_encode_step_2']}: outside the matrix of the header."
            )
        start = _first_column(samples.shape[1], int(head["center_sample"]), size_x)
        kspace[:, z, y, start : start + samples.shape[1]] += samples
        counts[z, y] += 1
    _check_coverage(counts)
    np.divide(kspace, np.maximum(counts, 1)[None, :, :, None], out=kspace)
    return kspace


def _first_column(count: int, centre_sample: int, size: int) -> int:
    """Return the column of a readout's first sample; the echo lies on the grid's centre."""
    if count > size:
        raise JobInputError(f"Readouts of {count} samples do not fit a matrix of {size}.")
    start = size // 2 - centre_sample
    if start >= 0 and start + count <= size:
        return start
    if count == size:
        return 0  # a full readout fills the row, whatever its writer left in center_sample
    raise JobInputError(
        f"Readouts of {count} samples with their centre at sample {centre_sample} "
        f"do not fit a matrix of {size}."
    )


def _check_coverage(counts: NDArray[np.int32]) -> None:
    """Accept full and partial Fourier sampling; refuse data with holes."""
    size_z, size_y = counts.shape
    measured = counts > 0
    if not measured[size_z // 2, size_y // 2]:
        raise JobInputError("The centre of k-space was not measured.")
    if size_z == 1:
        lines = np.flatnonzero(measured[0])
        holes = int(lines[-1] - lines[0] + 1 - lines.size)
        if holes:
            raise JobInputError(
                f"{holes} of {size_y} k-space lines are missing: undersampled or stopped early."
            )
    if np.count_nonzero(measured) * 2 < measured.size:
        raise JobInputError(
            f"Only {np.count_nonzero(measured)} of {measured.size} k-space lines were measured."
        )


def _to_image(kspace: NDArray[np.complex64], encoding: Encoding) -> NDArray[np.float32]:
    """Transform, combine the coils, cut out the reconstructed field of view: [z, y, x]."""
    grid_x, grid_y, grid_z = encoding.grid
    if not np.all(np.isfinite(kspace)):
        raise JobInputError("The data hold values that are no numbers (NaN or infinite).")
    power: NDArray[np.float32] | None = None
    for coil in kspace:
        fitted = _fit(coil, (grid_z, grid_y, grid_x))
        image = scipy.fft.fftshift(scipy.fft.ifftn(scipy.fft.ifftshift(fitted), workers=2))
        cut = _fit(image, tuple(reversed(encoding.recon_matrix)))
        squared = (cut.real**2 + cut.imag**2).astype(np.float32)
        power = squared if power is None else power + squared
    if power is None:
        raise JobInputError("The data hold no coil.")
    return np.sqrt(power)


def _fit(array: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Cut or zero-fill every axis, keeping index n // 2 in the centre."""
    for axis, size in enumerate(shape):
        have = array.shape[axis]
        if size < have:
            start = have // 2 - size // 2
            array = np.take(array, range(start, start + size), axis=axis)
        elif size > have:
            before = size // 2 - have // 2
            pad = [(0, 0)] * array.ndim
            pad[axis] = (before, size - have - before)
            array = np.pad(array, pad)
    return array


def _placement(
    raw: RawData, rows: list[int], warnings: list[str]
) -> tuple[Vector, tuple[Vector, ...]]:
    heads = raw.heads[rows]
    for name in ("position", "read_dir", "phase_dir", "slice_dir"):
        if not np.allclose(heads[name], heads[name][0], atol=1e-3):
            raise JobInputError(f"The readouts of one image disagree about {name}.")
    first = heads[0]
    vectors = [first[name].astype(np.float64) for name in ("read_dir", "phase_dir", "slice_dir")]
    if not any(v.any() for v in vectors):
        warnings.append("The raw data state no orientation; axial was assumed.")
        vectors = list(np.eye(3))
    read, phase, slice_ = vectors
    return first["position"].astype(np.float64), checked_directions(read, phase, slice_)


def _planes(encoding: Encoding, centre: Vector, directions: tuple[Vector, ...]) -> list[Plane]:
    read, phase, slice_ = directions
    count_x, count_y, count_z = encoding.recon_matrix
    voxel_x, voxel_y, voxel_z = encoding.voxel_mm
    corner = centre - read * voxel_x * (count_x // 2) - phase * voxel_y * (count_y // 2)
    return [
        Plane(
            corner + slice_ * voxel_z * (index - count_z // 2),
            read, phase, voxel_x, voxel_y, voxel_z,
        )
        for index in range(count_z)
    ]  # fmt: skip


def _spacing(slices: list[ImageSlice], encoding: Encoding) -> float:
    """Return the distance between slices; two slices at one place are a mistake of the writer."""
    first = slices[0]
    of_one_volume = [
        s
        for s in slices
        if (s.contrast, s.repetition, s.phase, s.set)
        == (first.contrast, first.repetition, first.phase, first.set)
    ]
    depths = sorted(s.plane.depth for s in of_one_volume)
    gaps = np.diff(depths)
    if gaps.size == 0:
        return encoding.voxel_mm[2]
    if gaps.min() < _SAME_PLACE_MM:
        raise JobInputError("Two slices state the same position; their place is not known.")
    return float(np.median(gaps))
