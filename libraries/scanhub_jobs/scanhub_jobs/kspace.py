"""The grid that the readouts of one volume fill."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanhub_jobs.encoding import Encoding
from scanhub_jobs.errors import JobInputError
from scanhub_jobs.partial_fourier import Extent
from scanhub_jobs.raw_data import REVERSE_FLAG
from scanhub_jobs.transform import Complexes

_VOXEL_BYTES = 8
_MOST_NAMED = 8
_REVERSED = np.uint64(1 << (REVERSE_FLAG - 1))


def kspace_bytes(encoding: Encoding, coils: int) -> int:
    """Return what the grid of one volume takes of memory [bytes]."""
    x, y, z = encoding.matrix
    return x * y * z * coils * _VOXEL_BYTES


@dataclass(frozen=True)
class Place:
    """Where a readout lies on the grid."""

    z: int
    y: int
    column: int
    """Of the first sample that is used."""
    begin: int
    """First sample that is used, in the order of increasing k-space."""
    end: int


class Places:
    """Where readouts lie; computed for many at once.

    Args:
        heads: Of the readouts.
        numbers: Their places in the file, for messages.
        encoding: The grid.
        even: Whether their samples are columns of the grid; else a trajectory says where they are.

    Raises:
        JobInputError: One lies outside of the grid.
    """

    def __init__(
        self,
        heads: NDArray[Any],
        numbers: NDArray[np.intp],
        encoding: Encoding,
        *,
        even: bool = True,
    ) -> None:
        self._numbers = numbers
        self._even = even
        size_x, size_y, size_z = encoding.matrix
        counters = heads["idx"]
        self._y = counters["kspace_encode_step_1"].astype(np.int64) - encoding.centre[1]
        self._z = counters["kspace_encode_step_2"].astype(np.int64) - encoding.centre[2]
        self._y += size_y // 2
        self._z += size_z // 2
        self._check_lines(counters, size_y, size_z)
        self._columns(heads, size_x)

    def __getitem__(self, index: int) -> Place:
        """Return where one of the readouts lies."""
        return Place(
            int(self._z[index]),
            int(self._y[index]),
            int(self._column[index]),
            int(self._begin[index]),
            int(self._end[index]),
        )

    def _check_lines(self, counters: NDArray[Any], size_y: int, size_z: int) -> None:
        inside = (self._y >= 0) & (self._y < size_y) & (self._z >= 0) & (self._z < size_z)
        if not inside.all():
            first = int(np.argmin(inside))
            raise JobInputError(
                f"Readout {self._numbers[first]} states k-space line "
                f"{counters['kspace_encode_step_1'][first]}, partition "
                f"{counters['kspace_encode_step_2'][first]}: outside the matrix of the header."
            )

    def _columns(self, heads: NDArray[Any], size: int) -> None:
        """The echo lies on the grid's centre; the flags of a readout say which way it went."""
        count, centre, before, behind = (
            heads[name].astype(np.int64)
            for name in ("number_of_samples", "center_sample", "discard_pre", "discard_post")
        )
        backward = (heads["flags"] & _REVERSED) != 0
        before, behind = np.where(backward, behind, before), np.where(backward, before, behind)
        centre = np.where(backward, count - 1 - centre, centre)
        self._begin, self._end = before, count - behind
        used = self._end - self._begin
        column = size // 2 - centre + before
        fits = (column >= 0) & (column + used <= size)
        full = used == size  # fills the row, whatever its writer left in center_sample
        self._column = np.where(fits, column, 0)
        good = (fits | full | (not self._even)) & (used > 0)
        if not good.all():
            first = int(np.argmin(good))
            raise JobInputError(
                f"Readout {self._numbers[first]} of {used[first]} samples with its centre at "
                f"sample {centre[first] - before[first]} does not fit a matrix of {size}."
            )


class KSpace:
    """One volume: [coil, z, y, x], the centre at index n // 2.

    Args:
        encoding: The grid.
        coils: How many.
    """

    def __init__(self, encoding: Encoding, coils: int) -> None:
        x, y, z = encoding.matrix
        self.data: Complexes = np.zeros((coils, z, y, x), dtype=np.complex64)
        self._counts = np.zeros((z, y), dtype=np.int32)
        self._first, self._end = 0, x

    def add(self, place: Place, samples: Complexes, number: int) -> None:
        """Put a readout in its place; one that is there already is added to.

        Raises:
            JobInputError: It has not as many coils as the first one.
        """
        if len(samples) != len(self.data):
            raise JobInputError(
                f"Readout {number} has {len(samples)} receive coils, others of its image have "
                f"{len(self.data)}."
            )
        end = place.column + samples.shape[1]
        row = self.data[:, place.z, place.y, place.column : end]
        if self._counts[place.z, place.y]:
            row += samples
        else:
            row[...] = samples
        self._counts[place.z, place.y] += 1
        self._first, self._end = max(self._first, place.column), min(self._end, end)

    def finish(self) -> None:
        """Average what was measured more than once.

        Raises:
            JobInputError: Lines are missing.
        """
        _check_coverage(self._counts)
        if self._counts.max() > 1:
            factors = (1 / np.maximum(self._counts, 1)).astype(np.float32)
            self.data *= factors[None, :, :, None]

    def extents(self) -> tuple[Extent, Extent, Extent]:
        """Return what was measured along z, y, x."""
        size_z, size_y = self._counts.shape
        size_x = self.data.shape[3]
        deep, lines = (np.flatnonzero(self._counts.any(axis=axis)) for axis in (1, 0))
        return (
            Extent(size_z, int(deep[0]), int(deep[-1]) + 1),
            Extent(size_y, int(lines[0]), int(lines[-1]) + 1),
            Extent(size_x, self._first, self._end),
        )


def _check_coverage(counts: NDArray[np.int32]) -> None:
    """Accept full and partial Fourier sampling, and corners left out; refuse data with holes."""
    size_z, size_y = counts.shape
    measured = counts > 0
    if not measured[size_z // 2, size_y // 2]:
        raise JobInputError("The centre of k-space was not measured.")
    holes = _between(np.asarray(measured.any(axis=1)))
    if holes.size:
        raise _missing(holes, size_z, "partitions")
    for lines in measured[measured.any(axis=1)]:
        holes = _between(lines)
        if holes.size:
            raise _missing(holes, size_y, "lines")
    if np.count_nonzero(measured) * 2 < measured.size:
        raise JobInputError(
            f"Only {np.count_nonzero(measured)} of {measured.size} k-space lines were measured."
        )


def _between(there: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return what is missing between the first and the last."""
    at = np.flatnonzero(there)
    return np.setdiff1d(np.arange(at[0], at[-1]), at, assume_unique=True)


def _missing(holes: NDArray[np.intp], size: int, what: str) -> JobInputError:
    named = ", ".join(str(hole) for hole in holes[:_MOST_NAMED])
    more = ", ..." if holes.size > _MOST_NAMED else ""
    return JobInputError(
        f"{holes.size} of {size} k-space {what} are missing ({named}{more}, counted from the edge "
        "of the matrix): undersampled or stopped early."
    )
