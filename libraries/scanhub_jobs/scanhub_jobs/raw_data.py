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
_REVERSE_FLAG = 22
_HEAD_FIELDS = frozenset(
    ("flags", "number_of_samples", "active_channels", "center_sample", "idx", "position",
     "read_dir", "phase_dir", "slice_dir", "encoding_space_ref")
)  # fmt: skip


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


def _read_header(group: h5py.Group, name: str) -> Header:
    if "xml" not in group:
        raise JobInputError(f"{name} holds no ISMRMRD header.")
    text = group["xml"][0]
    return Header.parse(text if isinstance(text, bytes) else str(text).encode())


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
    return data[:, ::-1] if int(head["flags"]) & _bit(_REVERSE_FLAG) else data


def image_mask() -> np.uint64:
    """Return the flags of which an image readout has none."""
    return np.uint64(sum(_bit(flag) for flag in _NOT_IMAGE_FLAGS))


def read_raw_data(path: Path) -> RawData:
    """Read the image readouts of an ISMRMRD file.

    Raises:
        JobInputError: The file is no ISMRMRD, is damaged, or contradicts itself.
    """
    with _opened(path) as file:
        try:
            group = _dataset(file, path.name)
            header = _read_header(group, path.name)
            data = group["data"]
            names = data.dtype.names or ()
            if "head" not in names or "data" not in names:
                raise JobInputError(f"{path.name} is no ISMRMRD file: its data are no readouts.")
            missing = _HEAD_FIELDS - set(data.dtype["head"].names or ())
            if missing:
                raise JobInputError(f"The readouts of {path.name} lack {sorted(missing)}.")
            heads, flats = data["head"], data["data"]
        except (OSError, KeyError, RuntimeError) as error:
            raise JobInputError(
                f"{path.name} cannot be read to its end: {error}. Upload the raw data again."
            ) from error
    chosen = np.flatnonzero((heads["flags"] & image_mask()) == 0)
    if chosen.size == 0:
        raise JobInputError(f"{path.name} holds no image readouts.")
    samples = [readout_samples(heads[i], flats[i], int(i)) for i in chosen]
    return RawData(header=header, heads=heads[chosen], samples=samples)
