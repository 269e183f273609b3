"""Read an ISMRMRD file: header, readout headers and samples, checked before anyone computes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

from scanhub_jobs.errors import JobInputError
from scanhub_jobs.mrd_header import Header

# Readouts that are no image data, by the bit number of ISMRMRD's acquisition flags.
_NOT_IMAGE_FLAGS = (19, 20, 23, 24, 26, 27, 28, 29)
NOISE_FLAG, REVERSE_FLAG, PHASE_CORRECTION_FLAG = 19, 22, 24
_HEAD_FIELDS = frozenset(
    ("flags", "number_of_samples", "active_channels", "center_sample", "discard_pre",
     "discard_post", "trajectory_dimensions", "idx", "position", "read_dir", "phase_dir",
     "slice_dir", "encoding_space_ref")
)  # fmt: skip
_BLOCK_BYTES = 16 << 20
_BLOCK_READOUTS = 4096
_BLOCK_HEADS = 512
_SAMPLE_BYTES = 8
_MAX_READOUTS = 1 << 23


@dataclass(frozen=True)
class RawData:
    """The image readouts of one ISMRMRD file."""

    header: Header
    heads: NDArray[Any]
    samples: list[NDArray[np.complex64]]
    """One array per readout, [coil, sample], in the order of increasing k-space."""


def _bit(number: int) -> int:
    return 1 << (number - 1)


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    if not path.is_file():
        raise JobInputError(f"There is no file {path.name}.")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        with path.open("rb") as damaged:
            start = damaged.read(8)
        if start == b"\x89HDF\r\n\x1a\n":
            raise JobInputError(
                f"{path.name} is truncated or damaged: {error}. Upload the raw data again."
            ) from error
        raise JobInputError(f"{path.name} is no ISMRMRD file: it is not HDF5.") from error
    with file:
        yield file


def _dataset(file: h5py.File, name: str) -> h5py.Group:
    """Return the group with the acquisitions, all of it in this very file.

    HDF5 lets a file take a group or a table from any other that the process can read: raw data of
    another patient would be reconstructed as this one's.
    """
    keys = [key for key in file if key == "dataset" or _holds_data(file, key)]
    key = "dataset" if "dataset" in keys else keys[0] if len(keys) == 1 else None
    if key is None or (_is_within(file, key) and not _holds_data(file, key)):
        raise JobInputError(f"{name} is no ISMRMRD file: it holds no group with acquisitions.")
    if not _is_own(file, key) or not all(_is_own(file[key], item) for item in file[key]):
        raise JobInputError(f"{name}: part of {key} is in another file. Upload whole raw data.")
    return file[key]


def _holds_data(file: h5py.File, key: str) -> bool:
    return _is_within(file, key) and isinstance(file[key], h5py.Group) and "data" in set(file[key])


def _is_within(group: h5py.Group, key: str) -> bool:
    return isinstance(group.get(key, getlink=True), h5py.HardLink)


def _is_own(group: h5py.Group, key: str) -> bool:
    """Say whether a member is in the file itself, with all its bytes."""
    if not _is_within(group, key):
        return False
    found = group[key]
    return not (isinstance(found, h5py.Dataset) and (found.is_virtual or found.external))


def _read_header(group: h5py.Group, name: str) -> bytes:
    if "xml" not in group:
        raise JobInputError(f"{name} holds no ISMRMRD header.")
    text = group["xml"][0]
    return text if isinstance(text, bytes) else str(text).encode()


def readout_samples(head: Any, flat: Any, number: int) -> NDArray[np.complex64]:
    """Return the samples of a readout, [coil, sample], in the order of increasing k-space.

    Raises:
        JobInputError: They are not as many as its header says.
    """
    coils, count = int(head["active_channels"]), int(head["number_of_samples"])
    values = np.ascontiguousarray(flat, dtype=np.float32)
    if coils == 0 or count == 0 or values.size != 2 * coils * count:
        raise JobInputError(
            f"Readout {number} states {coils} coils with {count} samples, "
            f"but holds {values.size // 2} complex values."
        )
    data = values.view(np.complex64).reshape(coils, count)
    return data[:, ::-1] if int(head["flags"]) & _bit(REVERSE_FLAG) else data


def image_mask() -> np.uint64:
    """Return the flags of which an image readout has none."""
    return np.uint64(sum(_bit(flag) for flag in _NOT_IMAGE_FLAGS))


@dataclass(frozen=True)
class Readout:
    """One readout of a file."""

    number: int
    """Its place in the file."""
    samples: NDArray[np.complex64]
    """[coil, sample], in the order of increasing k-space."""
    trajectory: NDArray[np.float32] | None
    """[sample, dimension], in the order of the samples; None: it was not asked for."""


class RawFile:
    """An open ISMRMRD file: the heads of all readouts in memory, their samples on disk.

    Attributes:
        name: Of the file, for messages.
        text: The header as it stands in the file, XML.
        header: What it states of the measurement.
        heads: Of every readout, those that are no image included.
    """

    def __init__(self, name: str, text: bytes, header: Header, data: h5py.Dataset) -> None:
        self.name = name
        self.text = text
        self.header = header
        self._data = data
        with _reading(name):
            self.heads = _heads(data)

    def image_rows(self) -> NDArray[np.intp]:
        """Return which readouts are image data.

        Raises:
            JobInputError: None is.
        """
        rows = np.flatnonzero((self.heads["flags"] & image_mask()) == 0)
        if rows.size == 0:
            raise JobInputError(f"{self.name} holds no image readouts.")
        return rows

    def flagged_rows(self, flag: int) -> NDArray[np.intp]:
        """Return which readouts bear one of ISMRMRD's flags."""
        return np.flatnonzero(self.heads["flags"] & np.uint64(_bit(flag)))

    def readouts(self, rows: NDArray[np.intp], *, trajectory: bool = False) -> Iterator[Readout]:
        """Read some readouts, a block at a time.

        Args:
            rows: Which, ascending.
            trajectory: Whether theirs is wanted.

        Raises:
            JobInputError: They cannot be read, or contradict their heads.
        """
        for row, found in self._rows(rows):
            yield self._readout(row, found["data"], found["traj"] if trajectory else None)

    def records(self) -> Iterator[tuple[Any, NDArray[np.float32], NDArray[np.float32]]]:
        """Read all readouts as they stand in the file: head, trajectory, samples, both flat.

        Raises:
            JobInputError: They cannot be read, or contradict their heads.
        """
        if "traj" not in (self._data.dtype.names or ()):
            raise JobInputError(f"The readouts of {self.name} lack ['traj'].")
        for row, found in self._rows(np.arange(len(self.heads))):
            head = self.heads[row]
            count, dimensions = int(head["number_of_samples"]), int(head["trajectory_dimensions"])
            readout_samples(head, found["data"], row)
            path: NDArray[np.float32] = np.asarray(found["traj"], dtype="<f4")
            if path.size != count * dimensions:
                raise JobInputError(
                    f"Readout {row} states a trajectory of {count} x {dimensions} coordinates, but "
                    f"holds {path.size} values."
                )
            yield head, path, np.asarray(found["data"], dtype="<f4")

    def _rows(self, rows: NDArray[np.intp]) -> Iterator[tuple[int, Any]]:
        heads = self.heads
        largest = int(heads["number_of_samples"].max()) * int(heads["active_channels"].max())
        step = max(1, min(_BLOCK_READOUTS, _BLOCK_BYTES // max(1, largest * _SAMPLE_BYTES)))
        at = 0
        while at < len(rows):
            begin = int(rows[at])
            after = int(np.searchsorted(rows, begin + step))
            end = int(rows[after - 1]) + 1
            with _reading(self.name, begin, end):
                block = self._data[begin:end]  # whole: see _heads
            for row in map(int, rows[at:after]):
                yield row, block[row - begin]
            del block
            at = after

    def _readout(self, row: int, flat: Any, path: Any) -> Readout:
        samples = readout_samples(self.heads[row], flat, row)
        if not np.isfinite(samples).all():
            raise JobInputError(
                f"Readout {row} holds values that are no numbers (NaN or infinite)."
            )
        return Readout(row, samples, None if path is None else self._path(row, path))

    def _path(self, row: int, path: Any) -> NDArray[np.float32]:
        head = self.heads[row]
        count, dimensions = int(head["number_of_samples"]), int(head["trajectory_dimensions"])
        flat: NDArray[np.float32] = np.asarray(path, dtype=np.float32)
        if dimensions == 0 or flat.size != count * dimensions or not np.isfinite(flat).all():
            raise JobInputError(
                f"Readout {row} states a trajectory of {count} x {dimensions} coordinates, but "
                f"holds {flat.size} values, or such as are no numbers."
            )
        backward = bool(int(head["flags"]) & _bit(REVERSE_FLAG))
        return flat.reshape(count, dimensions)[:: -1 if backward else 1]


def _heads(data: h5py.Dataset) -> NDArray[Any]:
    """Read the heads, in blocks of whole readouts.

    Asked for the heads alone, HDF5 2.0 reads the samples too and never frees them.
    """
    heads = np.empty(data.shape, dtype=data.dtype["head"])
    for begin in range(0, len(heads), _BLOCK_HEADS):
        heads[begin : begin + _BLOCK_HEADS] = data[begin : begin + _BLOCK_HEADS]["head"]
    return heads


@contextmanager
def _reading(name: str, begin: int = 0, end: int | None = None) -> Iterator[None]:
    try:
        yield
    except (OSError, KeyError, RuntimeError) as error:
        where = "" if end is None else f" (readouts {begin} to {end - 1})"
        raise JobInputError(
            f"{name} cannot be read to its end{where}: {error}. Upload the raw data again."
        ) from error


@contextmanager
def open_raw_data(path: Path) -> Iterator[RawFile]:
    """Open an ISMRMRD file.

    Raises:
        JobInputError: The file is no ISMRMRD, is damaged, or contradicts itself.
    """
    with _opened(path) as file:
        with _reading(path.name):
            group = _dataset(file, path.name)
            text = _read_header(group, path.name)
            header = Header.parse(text)
            data = group["data"]
        names = data.dtype.names or ()
        if not {"head", "data"} <= set(names):
            raise JobInputError(f"{path.name} is no ISMRMRD file: its data are no readouts.")
        missing = _HEAD_FIELDS - set(data.dtype["head"].names or ())
        if missing:
            raise JobInputError(f"The readouts of {path.name} lack {sorted(missing)}.")
        if data.ndim != 1 or data.size > _MAX_READOUTS:
            raise JobInputError(f"{path.name} states {data.shape} readouts: too many for this job.")
        yield RawFile(path.name, text, header, data)


def read_raw_data(path: Path) -> RawData:
    """Read the image readouts of an ISMRMRD file, all of them into memory.

    Raises:
        JobInputError: The file is no ISMRMRD, is damaged, or contradicts itself.
    """
    with open_raw_data(path) as raw:
        rows = raw.image_rows()
        samples = [readout.samples for readout in raw.readouts(rows)]
        return RawData(header=raw.header, heads=raw.heads[rows], samples=samples)
