"""Read ISMRMRD files slice by slice. The only module that knows HDF5.

A file is a table of readouts; each row has a header (what, where, how many samples) and a pointer
to its samples. Headers are read without the samples, samples never more than asked for. A file is
opened for each step and closed again: it never changes, and no handle outlives a request.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import h5py  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

from scanhub_libraries.errors import BadRequestError, UnprocessableError

COUNTERS = (
    "kspace_encode_step_1",
    "kspace_encode_step_2",
    "average",
    "slice",
    "contrast",
    "phase",
    "repetition",
    "set",
    "segment",
)
_FIELDS = {
    "flags": "u8",
    "number_of_samples": "u2",
    "active_channels": "u2",
    "center_sample": "u2",
    "encoding_space_ref": "u2",
    "sample_time_us": "f4",
}
HEAD = np.dtype([*_FIELDS.items(), *((name, "u2") for name in COUNTERS)])
"""What is kept of a readout's header: 40 bytes of 340."""
BYTES_PER_SAMPLE = 8
_ROWS = 16384
_MOST_READOUTS = 4_000_000
_HEADER_BYTES = 4 * 2**20
_BROKEN = (OSError, KeyError, RuntimeError, ValueError, TypeError, IndexError, MemoryError)
"""What HDF5 raises at a damaged file; it never means a mistake of the caller."""
_SPREAD = 4


@dataclass(frozen=True, slots=True)
class StoredMRD:
    """A file of raw data in the lake, read in this process: see mrd_reader."""

    READS: ClassVar = ("count", "heads", "heads_of", "samples", "header")
    path: Path

    def count(self) -> int:
        """Return how many readouts there are."""
        with self._table() as table:
            return int(table.shape[0])

    def heads(self, first: int, count: int) -> NDArray[np.void]:
        """Return the headers of readouts, without their samples.

        Args:
            first: The first of them.
            count: How many; fewer at the end of the file.

        Raises:
            UnprocessableError: The file is damaged, or more is asked for than fits memory.
        """
        with self._table() as table:
            last = min(int(table.shape[0]), first + count)
            if last - first > _MOST_READOUTS:
                raise UnprocessableError(
                    f"{self.path.name} has {table.shape[0]} readouts: ask for at most "
                    f"{_MOST_READOUTS} at once, with first and count.",
                    field="count",
                )
            heads = np.zeros(max(0, last - first), HEAD)
            for start in range(first, last, _ROWS):
                stop = min(last, start + _ROWS)
                _copy_heads(table.fields("head")[start:stop], heads[start - first : stop - first])
            return heads

    def heads_of(self, ids: NDArray[np.int64]) -> NDArray[np.void]:
        """Return the headers of these readouts, in their order."""
        heads = np.zeros(len(ids), HEAD)
        with self._table() as table:
            _check_ids(ids, int(table.shape[0]), self.path.name)
            for start in range(0, len(ids), _ROWS):
                part = ids[start : start + _ROWS]
                _copy_heads(_rows(table, "head", part), heads[start : start + _ROWS])
        return heads

    def samples(self, ids: NDArray[np.int64], heads: NDArray[np.void]) -> list[NDArray[Any]]:
        """Return the samples of these readouts: complex64, [coil, sample].

        Raises:
            UnprocessableError: The file is damaged, or a readout is not as long as its header says.
        """
        with self._table() as table:
            flats = _rows(table, "data", ids)
            return [
                self._shaped(flat, head, int(number))
                for flat, head, number in zip(flats, heads, ids, strict=True)
            ]

    def header(self) -> bytes:
        """Return the XML header; empty if there is none."""
        with self._group() as group:
            if "xml" not in group:
                return b""
            text = group["xml"][0]
        data = text if isinstance(text, bytes) else str(text).encode()
        if len(data) > _HEADER_BYTES:
            raise UnprocessableError(f"The header of {self.path.name} is larger than 4 MiB.")
        return data

    def _shaped(self, flat: Any, head: Any, number: int) -> NDArray[Any]:
        coils, count = int(head["active_channels"]), int(head["number_of_samples"])
        values = np.ascontiguousarray(flat, dtype="<f4").ravel()
        if values.size != 2 * coils * count:
            raise UnprocessableError(
                f"{self.path.name}: readout {number} states {coils} coils with {count} samples, "
                f"but holds {values.size // 2} complex values. Upload the raw data again."
            )
        return values.view("<c8").reshape(coils, count)

    @contextmanager
    def _group(self) -> Iterator[Any]:
        try:
            with h5py.File(self.path, "r") as file:
                yield _dataset(file, self.path.name)
        except _BROKEN as error:
            raise UnprocessableError(
                f"{self.path.name} cannot be read as ISMRMRD: {_reason(error, self.path.parent)}. "
                "Upload the raw data again."
            ) from error

    @contextmanager
    def _table(self) -> Iterator[Any]:
        with self._group() as group:
            table = group["data"]
            if not _is_table(table):
                raise UnprocessableError(
                    f"{self.path.name} is no ISMRMRD file: its data are no readouts."
                )
            yield table


def _dataset(file: Any, name: str) -> Any:
    """Return the group that holds the readouts.

    HDF5 lets a file take a group, a table or its bytes from any other file that the process can
    read: from another patient's raw data, or from our keys. Nothing of that is followed.
    """
    keys = [key for key in file if key == "dataset" or _holds_data(file, key)]
    key = "dataset" if "dataset" in keys else keys[0] if len(keys) == 1 else None
    if key is None:
        raise UnprocessableError(f"{name} is no ISMRMRD file: no group in it holds readouts.")
    _check_own(file, key, name)
    group = file[key]
    members = set(group)
    if "data" not in members:
        raise UnprocessableError(f"{name} is no ISMRMRD file: no group in it holds readouts.")
    for member in {"data", "xml"} & members:
        _check_own(group, member, name)
    return group


def _holds_data(file: Any, key: str) -> bool:
    if not _is_within(file, key):
        return False
    return isinstance(file[key], h5py.Group) and "data" in set(file[key])


def _is_within(group: Any, key: str) -> bool:
    return isinstance(group.get(key, getlink=True), h5py.HardLink)


def _check_own(group: Any, key: str, name: str) -> None:
    """Refuse what is not, with all its bytes, in this very file.

    Raises:
        UnprocessableError: It is a link, or its bytes lie elsewhere.
    """
    if _is_within(group, key):
        found = group[key]
        elsewhere = isinstance(found, h5py.Dataset) and (found.is_virtual or found.external)
        if not elsewhere:
            return
    raise UnprocessableError(
        f"{name}: {key} is in another file. Upload raw data that are whole in one file."
    )


def _is_table(table: Any) -> bool:
    """Say whether this is a list of acquisitions with every header field that we read."""
    if not isinstance(table, h5py.Dataset) or table.ndim != 1:
        return False
    names = table.dtype.names or ()
    head = table.dtype["head"] if {"head", "data"} <= set(names) else np.dtype([])
    if not {*_FIELDS, "idx"} <= set(head.names or ()):
        return False
    return set(COUNTERS) <= set(head["idx"].names or ())


def _copy_heads(source: NDArray[np.void], target: NDArray[np.void]) -> None:
    for name in _FIELDS:
        target[name] = source[name]
    for name in COUNTERS:
        target[name] = source["idx"][name]


def _rows(table: Any, field: str, ids: NDArray[np.int64]) -> Any:
    """Read rows in any order: close together as one run, far apart one by one."""
    wanted, places = np.unique(ids, return_inverse=True)
    if not len(wanted):
        return table.fields(field)[0:0]
    low, high = int(wanted[0]), int(wanted[-1]) + 1
    steps = np.unique(np.diff(wanted))
    if len(steps) == 1:
        return table.fields(field)[low : high : int(steps[0])][places]
    if field == "head" and high - low <= _SPREAD * len(wanted):
        return table.fields(field)[low:high][ids - low]
    return table.fields(field)[wanted][places]


def _check_ids(ids: NDArray[np.int64], count: int, name: str) -> None:
    if len(ids) and int(ids.max()) >= count:
        raise BadRequestError(
            f"ids: {name} has {count} readouts, so the last one is {count - 1}; "
            f"there is no {int(ids.max())}.",
            field="ids",
        )


def _reason(error: BaseException, folder: Path) -> str:
    """Return what HDF5 says, on one line, without a path of this machine."""
    text = " ".join(str(error).replace(f"{folder}/", "").split())
    return text[:200] or type(error).__name__
