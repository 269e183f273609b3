"""Lines of echo-planar imaging: sampled on ramps, every second one backward, with its own phase.

Each line becomes a row of the grid by one matrix: from its samples, wherever they lie in k-space,
to the image along the readout (least squares), there the phase between forward and backward lines
taken out, and back to k-space.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanhub_jobs.encoding import Encoding
from scanhub_jobs.errors import JobInputError
from scanhub_jobs.kspace import Place, Places
from scanhub_jobs.raw_data import PHASE_CORRECTION_FLAG, REVERSE_FLAG, RawFile, Readout
from scanhub_jobs.slices import VOLUME_COUNTERS
from scanhub_jobs.transform import Complexes

_SMALLEST_SINGULAR = 0.05
"""Of the largest: what is less is noise where the samples lie densely."""
_REVERSED = 1 << (REVERSE_FLAG - 1)
_NO_NAVIGATOR = "There are no navigator readouts: ghosts of EPI are not corrected."
Line = tuple[float, float]


def phase_line(forward: Complexes, backward: Complexes) -> Line:
    """Fit the phase of backward against forward lines along the readout.

    The slope follows from neighbouring pixels, weighted by their signal (C. B. Ahn and Z. H. Cho,
    IEEE Trans Med Imaging 6:32-36, 1987), then both from a weighted fit to what is left.

    Args:
        forward: Image along the readout of a line without phase encoding, [coil, pixel].
        backward: The same of one that was read backward.

    Returns:
        The slope [rad per pixel] and the phase in the centre [rad].
    """
    both = (backward * forward.conj()).sum(axis=0)
    pixel = np.arange(len(both)) - len(both) // 2
    slope = float(np.angle((both[1:] * both[:-1].conj()).sum()))
    offset = float(np.angle((both * np.exp(-1j * slope * pixel)).sum()))
    left = np.angle(both * np.exp(-1j * (slope * pixel + offset)))
    weight = np.abs(both) / max(float(np.abs(both).max()), np.finfo(np.float32).tiny)
    more_slope, more_offset = np.polyfit(pixel, left, 1, w=weight) if weight.any() else (0.0, 0.0)
    return slope + float(more_slope), offset + float(more_offset)


class EpiLines:
    """Makes rows of the grid of the readouts of an EPI file.

    Args:
        raw: The file.
        rows: Its image readouts.
        encoding: The grid.
        factors: What turns its trajectory into cycles per field of view; None: it has none, the
            samples lie evenly.
        correct: Whether to take out the phase that navigators show.
        warnings: Where to say that there is no navigator.
    """

    def __init__(
        self,
        raw: RawFile,
        rows: NDArray[np.intp],
        encoding: Encoding,
        *,
        factors: NDArray[np.float32] | None,
        correct: bool,
        warnings: list[str],
    ) -> None:
        self.trajectory = factors is not None
        self._heads = raw.heads
        self._size = encoding.matrix[0]
        self._factor = float(factors[0]) if factors is not None else 1.0
        self._lines: dict[tuple[int, ...], Line] = {}
        if correct:
            self._lines = self._navigators(raw, encoding)
            keys = {_key(raw.heads[row]) for row in rows}
            if any(self._line_of(key) is None for key in keys):
                warnings.append(_NO_NAVIGATOR)

    def line(self, readout: Readout, place: Place) -> tuple[Place, Complexes]:
        """Return a row of k-space, as far as the readout reaches, and where it lies."""
        k = self._positions(readout, place)
        head = self._heads[readout.number]
        backward = bool(int(head["flags"]) & _REVERSED)
        phase = (self._line_of(_key(head)) if backward else None) or (0.0, 0.0)
        begin = max(0, round(float(k.min())) + self._size // 2)
        end = min(self._size, round(float(k.max())) + self._size // 2 + 1)
        matrix = _row_matrix(k.tobytes(), self._size, phase)[begin:end]
        row = readout.samples[:, place.begin : place.end] @ matrix.T
        return Place(place.z, place.y, begin, 0, end - begin), row

    def _positions(self, readout: Readout, place: Place) -> NDArray[np.float32]:
        """Return where the samples of a readout lie [cycles per field of view]."""
        if readout.trajectory is None:
            at = np.arange(place.end - place.begin, dtype=np.float32)
            return np.asarray(at + (place.column - self._size // 2), dtype=np.float32)
        along = readout.trajectory[place.begin : place.end, 0] * np.float32(self._factor)
        k = np.ascontiguousarray(along, dtype=np.float32)
        if not np.ptp(k) > 1:
            raise JobInputError(f"Readout {readout.number} does not move along the read direction.")
        return k

    def _line_of(self, key: tuple[int, ...]) -> Line | None:
        """Return the phase that a volume's navigators show, or those of its slice at any time."""
        if key in self._lines:
            return self._lines[key]
        return next((line for other, line in self._lines.items() if other[0] == key[0]), None)

    def _navigators(self, raw: RawFile, encoding: Encoding) -> dict[tuple[int, ...], Line]:
        rows = raw.flagged_rows(PHASE_CORRECTION_FLAG)
        if not rows.size:
            return {}
        heads = raw.heads[rows].copy()
        heads["idx"]["kspace_encode_step_1"] = encoding.centre[1]
        heads["idx"]["kspace_encode_step_2"] = encoding.centre[2]
        places = Places(heads, rows, encoding, even=not self.trajectory)
        found: dict[tuple[int, ...], tuple[list[Complexes], list[Complexes]]] = {}
        for index, readout in enumerate(raw.readouts(rows, trajectory=self.trajectory)):
            head, place = heads[index], places[index]
            k = self._positions(readout, place)
            samples = readout.samples[:, place.begin : place.end]
            image = samples @ _image_matrix(k.tobytes(), self._size).T
            ways = found.setdefault(_key(head), ([], []))
            ways[bool(int(head["flags"]) & _REVERSED)].append(image)
        return {
            key: phase_line(np.mean(ways[0], axis=0), np.mean(ways[1], axis=0))
            for key, ways in found.items()
            if ways[0] and ways[1]
        }


def _key(head: Any) -> tuple[int, ...]:
    return tuple(int(head["idx"][name]) for name in VOLUME_COUNTERS)


@lru_cache(maxsize=256)
def _image_matrix(positions: bytes, size: int) -> Complexes:
    """Return the matrix [pixel, sample] from samples to the image along the readout."""
    k = np.frombuffer(positions, np.float32).astype(np.float64)
    pixel = np.arange(size) - size // 2
    waves = np.exp(-2j * np.pi * np.outer(k, pixel) / size)
    inside = (k >= -size / 2 - 0.5) & (k < size / 2 - 0.5 + size % 2)
    waves[~inside] = 0  # the transform is periodic: they would fold to the other side
    return np.linalg.pinv(waves, rcond=_SMALLEST_SINGULAR).astype(np.complex64)


@lru_cache(maxsize=1024)
def _row_matrix(positions: bytes, size: int, phase: Line) -> Complexes:
    """Return the matrix [column, sample] from samples to a row of the grid, its phase taken out."""
    pixel = np.arange(size) - size // 2
    image = _image_matrix(positions, size)
    turned = np.exp(-1j * (phase[0] * pixel + phase[1]))[:, None] * image
    waves = np.exp(-2j * np.pi * np.outer(pixel, pixel) / size)
    return np.asarray(waves @ turned, dtype=np.complex64)
