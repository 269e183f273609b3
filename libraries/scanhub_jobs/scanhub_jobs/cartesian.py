"""Reconstruct fully sampled and partial Fourier data on a grid, a volume at a time.

Voxel n of N lies (n - N // 2) voxel sizes from the centre that the readouts state.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from scanhub_jobs.coils import adaptive, add_power, root, whitening
from scanhub_jobs.encoding import Encoding, cartesian_encoding
from scanhub_jobs.errors import JobInputError
from scanhub_jobs.kspace import KSpace, Place, Places, kspace_bytes
from scanhub_jobs.partial_fourier import Extent, complete
from scanhub_jobs.raw_data import RawData, RawFile, Readout, open_raw_data
from scanhub_jobs.reconstruction_parameters import ReconstructionParameters
from scanhub_jobs.slices import (
    VOLUME_COUNTERS,
    ImageSlice,
    Key,
    Reconstruction,
    gathered,
    placed,
    volumes_of,
)
from scanhub_jobs.transform import Complexes, along, axis_to_image, hann

__all__ = [
    "VOLUME_COUNTERS",
    "ImageSlice",
    "Progress",
    "Reconstruction",
    "reconstruct_cartesian",
    "reconstruct_volume",
]

Progress = Callable[[float, str], None]
_GIB = 1 << 30
_DEFAULTS = ReconstructionParameters()


class LineSource(Protocol):
    """Makes a row of the grid, or a part of it, of a readout."""

    trajectory: bool
    """Whether it wants the trajectories of the readouts."""

    def line(self, readout: Readout, place: Place) -> tuple[Place, Complexes]:
        """Return where the row lies, and its samples [coil, column]."""
        ...


class PlainLines:
    """Readouts that lie on the grid as they are."""

    trajectory = False

    def line(self, readout: Readout, place: Place) -> tuple[Place, Complexes]:
        """Return the samples that are not to be discarded."""
        return place, readout.samples[:, place.begin : place.end]


def reconstruct_cartesian(
    path: Path,
    progress: Progress = lambda _fraction, _message: None,
    parameters: ReconstructionParameters = _DEFAULTS,
) -> Reconstruction:
    """Reconstruct an ISMRMRD file into slices.

    Raises:
        JobInputError: The file cannot be reconstructed; the text says why.
    """
    with open_raw_data(path) as raw:
        encoding = cartesian_encoding(raw.header)
        return reconstruct_grid(
            raw, encoding, parameters, progress, source=PlainLines(), warnings=[]
        )


def reconstruct_grid(
    raw: RawFile,
    encoding: Encoding,
    parameters: ReconstructionParameters,
    progress: Progress,
    *,
    source: LineSource,
    warnings: list[str],
) -> Reconstruction:
    """Reconstruct all volumes of a file whose readouts fill a grid.

    Raises:
        JobInputError: The file cannot be reconstructed; the text says why.
    """
    rows = checked_rows(raw)
    coils = int(raw.heads["active_channels"][rows[0]])
    volumes = {key: rows[part] for key, part in volumes_of(raw.heads[rows]).items()}
    white = whitening(raw, coils, warnings) if parameters.prewhitening else None
    slices: list[ImageSlice] = []
    batches = list(_batches(volumes, encoding, coils, parameters))
    for number, batch in enumerate(batches):
        for key, kspace in _filled(raw, encoding, batch, source, white):
            image = volume_image(kspace, encoding, parameters)
            slices += placed(image, encoding, raw.heads[batch[key]], key, warnings)
            done = len(slices) / (len(volumes) * len(image))
            progress(0.05 + 0.85 * done, f"reconstructing, pass {number + 1} of {len(batches)}")
    return gathered(slices, raw.header, encoding, warnings)


def checked_rows(raw: RawFile) -> NDArray[np.intp]:
    """Return the image readouts of a file that has one encoding.

    Raises:
        JobInputError: There are none, or it has several.
    """
    rows = raw.image_rows()
    other = np.flatnonzero(raw.heads["encoding_space_ref"][rows] != 0)
    if other.size:
        raise JobInputError(
            f"The file mixes several encodings; this job handles one (readout {rows[other[0]]})."
        )
    return rows


def _batches(
    volumes: dict[Key, NDArray[np.intp]],
    encoding: Encoding,
    coils: int,
    parameters: ReconstructionParameters,
) -> Iterator[dict[Key, NDArray[np.intp]]]:
    """Split the volumes into such as fit into memory together, for one pass through the file."""
    size, most = kspace_bytes(encoding, coils), parameters.memory_gib * _GIB
    if size > most:
        raise JobInputError(
            f"A volume of {' x '.join(map(str, encoding.matrix))} with {coils} coils takes "
            f"{size / _GIB:.1f} GiB of memory; memory_gib allows {parameters.memory_gib:g}."
        )
    keys, step = sorted(volumes, key=lambda key: int(volumes[key][0])), max(1, int(most // size))
    for begin in range(0, len(keys), step):
        yield {key: volumes[key] for key in keys[begin : begin + step]}


def _filled(
    raw: RawFile,
    encoding: Encoding,
    batch: dict[Key, NDArray[np.intp]],
    source: LineSource,
    white: Complexes | None,
) -> Iterator[tuple[Key, KSpace]]:
    """Yield the volumes, each as soon as its last readout was read."""
    keys = list(batch)
    rows = np.concatenate([batch[key] for key in keys])
    owner = np.repeat(np.arange(len(keys)), [len(batch[key]) for key in keys])
    order = np.argsort(rows)
    rows, owner = rows[order], owner[order]
    places = Places(raw.heads[rows], rows, encoding, even=not source.trajectory)
    left = {number: len(batch[key]) for number, key in enumerate(keys)}
    grids: dict[int, KSpace] = {}
    for index, readout in enumerate(raw.readouts(rows, trajectory=source.trajectory)):
        number = int(owner[index])
        if number not in grids:
            grids[number] = KSpace(encoding, len(readout.samples))
        place, samples = source.line(readout, places[index])
        if white is not None and len(samples) == len(white):
            samples = white @ samples
        grids[number].add(place, samples, readout.number)
        left[number] -= 1
        if not left[number]:
            kspace = grids.pop(number)
            kspace.finish()
            yield keys[number], kspace


def reconstruct_volume(
    raw: RawData, encoding: Encoding, key: Key, rows: list[int], warnings: list[str]
) -> list[ImageSlice]:
    """Reconstruct the readouts of one volume, as by default.

    Args:
        raw: Readouts, of this volume and maybe others.
        encoding: The grid.
        key: The counters of the volume, as in `VOLUME_COUNTERS`.
        rows: Which of the readouts are the volume's.
        warnings: Where to say what was assumed.

    Raises:
        JobInputError: It cannot be reconstructed, or is not whole.
    """
    heads = raw.heads[rows]
    places = Places(heads, np.array(rows), encoding)
    kspace = KSpace(encoding, len(raw.samples[rows[0]]))
    for index, row in enumerate(rows):
        place, samples = places[index], raw.samples[row]
        if not np.isfinite(samples).all():
            raise JobInputError(f"Readout {row} holds values that are no numbers.")
        kspace.add(place, samples[:, place.begin : place.end], row)
    kspace.finish()
    return placed(volume_image(kspace, encoding, _DEFAULTS), encoding, heads, key, warnings)


def volume_image(
    kspace: KSpace, encoding: Encoding, parameters: ReconstructionParameters
) -> NDArray[np.float32]:
    """Transform a volume, combine its coils, cut out the field of view: [z, y, x].

    The k-space is destroyed.
    """
    extents = kspace.extents()
    shape = tuple(reversed(encoding.recon_matrix))
    if parameters.coil_combination == "rss" or len(kspace.data) == 1:
        power = np.zeros(shape, dtype=np.float32)
        for coil in kspace.data:
            add_power(power, coil_image(coil, encoding, extents, parameters))
        return root(power)
    images = np.empty((len(kspace.data), *shape), dtype=np.complex64)
    for number, coil in enumerate(kspace.data):
        images[number] = coil_image(coil, encoding, extents, parameters)
    return adaptive(images)


def coil_image(
    coil: Complexes,
    encoding: Encoding,
    extents: tuple[Extent, Extent, Extent],
    parameters: ReconstructionParameters,
) -> Complexes:
    """Transform one coil's k-space [z, y, x], first what is whole, then what is partial.

    The k-space is destroyed.
    """
    grid, keep = encoding.grid, encoding.recon_matrix
    pocs = parameters.partial_fourier == "pocs"
    partial = {axis: e for axis, e in enumerate(extents) if pocs and e.partial}
    order: list[Any] = [axis for axis in (2, 1, 0) if axis not in partial]
    for axis in (*order, *partial):
        if axis in partial and axis == next(iter(partial)):
            coil = complete(coil, partial, parameters.partial_fourier_iterations)
        if parameters.apodization == "hann" and extents[axis].size > 1:
            coil = coil * along(hann(extents[axis].size, extents[axis].reach), axis, 3)
        coil = axis_to_image(coil, axis, grid[2 - axis], keep[2 - axis], overwrite=True)
    return coil
