"""One slice of k-space as an image, put together by the encoding counters of the readouts.

Rows are kspace_encode_step_1, columns samples with the k-space centre at column `width // 2` or
further right where a readout reaches further. Readouts that are no image data (noise, navigators,
phase correction, dummy scans) are left out; lines played in reverse are turned round. Where several
readouts fill one line, their root mean square is shown; so is the root sum of squares over coils.
"""

import io
import struct
from dataclasses import dataclass, fields
from typing import Any, Literal
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from exam_manager.results.mrd_reader import MRDFile
from exam_manager.results.packet import batches, stored_bytes
from scanhub_libraries.errors import BadRequestError, PayloadTooLargeError, UnprocessableError

MAGIC = 0x4350534B
"""`KSPC` on the wire."""
_RAW_HEADER = struct.Struct("<IHHII")
_MOST_PIXELS = 4 * 2**20
# Readouts that are no image data, by the number of ISMRMRD's acquisition flag: noise measurement,
# parallel calibration alone, navigation, phase correction, HP feedback, dummy scan, RT feedback,
# surface coil correction.
_NOT_IMAGE = (19, 20, 23, 24, 26, 27, 28, 29)
_REVERSE = np.uint64(1 << 21)
_CARTESIAN = frozenset({"cartesian", "epi", ""})
Coil = int | Literal["rss"]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which slice of k-space; None: the middle partition, else the lowest that there is."""

    encoding: int | None = None
    slice: int | None = None
    partition: int | None = None
    contrast: int | None = None
    phase: int | None = None
    repetition: int | None = None
    set: int | None = None
    average: int | None = None


@dataclass(frozen=True, slots=True)
class KSpace:
    """A slice of k-space."""

    magnitude: NDArray[np.float32]
    """[row, column]; 0 where nothing was measured."""
    choice: dict[str, int]
    readouts: int

    def headers(self) -> dict[str, str]:
        """Return what the image is of."""
        rows, columns = self.magnitude.shape
        return {
            "X-KSpace-Shape": f"{rows},{columns}",
            "X-KSpace-Readouts": str(self.readouts),
            "X-KSpace-Choice": ", ".join(f"{key}={value}" for key, value in self.choice.items()),
        }


def read_kspace(file: MRDFile, choice: Choice, coil: Coil) -> KSpace:
    """Read the readouts of a slice of k-space and put them in place.

    Raises:
        BadRequestError: There is no such slice or coil.
        PayloadTooLargeError: The matrix is too large for an image.
        UnprocessableError: The file describes no Cartesian encoding.
    """
    matrices = _encodings(file)
    heads = file.heads(0, file.count())
    mask = np.uint64(sum(1 << (flag - 1) for flag in _NOT_IMAGE))
    usable = ((heads["flags"] & mask) == 0) & (heads["number_of_samples"] > 0)
    ids = np.flatnonzero(usable & (heads["active_channels"] > 0))
    made: dict[str, int] = {}
    for field in fields(Choice):
        present = np.unique(heads[_COLUMNS[field.name]][ids])
        made[field.name] = _choose(field.name, getattr(choice, field.name), present)
        ids = ids[heads[_COLUMNS[field.name]][ids] == made[field.name]]
    width, height = _matrix(matrices, made["encoding"])
    chosen = heads[ids]
    _check_coil(chosen, coil)
    return KSpace(_fill(file, ids, chosen, (height, width), coil), made, len(ids))


_COLUMNS = {field.name: field.name for field in fields(Choice)} | {
    "encoding": "encoding_space_ref",
    "partition": "kspace_encode_step_2",
}


def _choose(name: str, asked: int | None, present: NDArray[Any]) -> int:
    if not len(present):
        raise UnprocessableError("The file has no readouts of an image.")
    if asked is None:
        return int(present[len(present) // 2 if name == "partition" else 0])
    if asked not in present:
        some = ", ".join(str(value) for value in present[:20].tolist())
        more = ", ..." if len(present) > 20 else ""  # noqa: PLR2004 - as many as fit a sentence
        raise BadRequestError(f"{name}: there is no {asked}; there is {some}{more}.", field=name)
    return asked


def _encodings(file: MRDFile) -> list[tuple[str, int, int]]:
    """Return trajectory, samples and lines of each encoding of the header."""
    try:
        root = ET.fromstring(file.header())  # noqa: S314 - expat bounds entity expansion itself
        found = [
            (
                (node.findtext("{*}trajectory") or "").strip().lower(),
                int(node.findtext("{*}encodedSpace/{*}matrixSize/{*}x") or 0),
                int(node.findtext("{*}encodedSpace/{*}matrixSize/{*}y") or 0),
            )
            for node in root.findall("{*}encoding")
        ]
    except (ET.ParseError, ValueError) as error:
        raise UnprocessableError(f"The header of the raw data cannot be read: {error}") from error
    if not found:
        raise UnprocessableError("The header of the raw data describes no encoding.")
    return found


def _matrix(encodings: list[tuple[str, int, int]], number: int) -> tuple[int, int]:
    if number >= len(encodings):
        raise UnprocessableError(f"The header describes no encoding {number}.", field="encoding")
    trajectory, width, height = encodings[number]
    if trajectory not in _CARTESIAN:
        raise UnprocessableError(
            f"The trajectory is {trajectory}: only Cartesian k-space lies on a grid. "
            "Read the readouts themselves (data).",
            field="encoding",
        )
    return max(0, width), max(0, height)


def _check_coil(heads: NDArray[np.void], coil: Coil) -> None:
    fewest = int(heads["active_channels"].min())
    if coil != "rss" and coil >= fewest:
        raise BadRequestError(
            f"coil: there are {fewest} coils, counted from 0; there is no coil {coil}.",
            field="coil",
        )


def _fill(
    file: MRDFile,
    ids: NDArray[np.int64],
    heads: NDArray[np.void],
    matrix: tuple[int, int],
    coil: Coil,
) -> NDArray[np.float32]:
    lines = heads["kspace_encode_step_1"].astype(np.int64)
    counts = heads["number_of_samples"].astype(np.int64)
    reverse = (heads["flags"] & _REVERSE) != 0
    centres = _centres(heads, counts)
    # A reversed line is turned round, and its centre with it (ISMRMRD counts in time).
    centres = np.where(reverse & (centres != counts // 2), counts - 1 - centres, centres)
    left = max(matrix[1] // 2, int(centres.max()))
    width = left + max(matrix[1] - matrix[1] // 2, int((counts - centres).max()))
    height = max(matrix[0], int(lines.max()) + 1)
    if width * height > _MOST_PIXELS:
        raise PayloadTooLargeError(
            f"The matrix is {width} x {height}; an image has {_MOST_PIXELS} points at most. "
            "Read the readouts themselves (data)."
        )
    power = np.zeros((height, width))
    times = np.zeros((height, width), np.uint32)
    for first, last in batches(stored_bytes(heads)):
        part = slice(first, last)
        read = file.samples(ids[part], heads[part])
        placed = zip(read, lines[part], (left - centres)[part], reverse[part], strict=True)
        _add(power, times, placed, coil)
    return np.sqrt(power / np.maximum(times, 1)).astype("<f4")


def _centres(heads: NDArray[np.void], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the centre sample of each readout; where none is stated, the middle."""
    stated = heads["center_sample"].astype(np.int64)
    return np.where((stated > 0) & (stated < counts), stated, counts // 2)


def _add(power: NDArray[np.float64], times: NDArray[np.uint32], placed: Any, coil: Coil) -> None:
    for data, line, column, turned in placed:
        chosen = data if coil == "rss" else data[coil : coil + 1]
        squares = (np.abs(np.nan_to_num(chosen, posinf=0, neginf=0)).astype(float) ** 2).sum(0)
        row = slice(column, column + len(squares))
        power[line, row] += squares[::-1] if turned else squares
        times[line, row] += 1


def as_png(kspace: KSpace, bits: int, decibels: float) -> bytes:
    """Return the magnitude on a logarithmic scale.

    White is the highest, black what is `decibels` below it or was not measured.
    """
    peak = float(kspace.magnitude.max(initial=0))
    shown = np.zeros(kspace.magnitude.shape)
    measured = kspace.magnitude > 0
    if peak > 0:
        level = 20 * np.log10(kspace.magnitude[measured] / peak)
        shown[measured] = np.clip(1 + level / decibels, 0, 1)
    kind = np.uint8 if bits == 8 else np.uint16  # noqa: PLR2004 - bits of a grey level
    output = io.BytesIO()
    Image.fromarray(np.round(shown * np.iinfo(kind).max).astype(kind)).save(output, "PNG")
    return output.getvalue()


def as_raw(kspace: KSpace) -> bytes:
    """Return the magnitude itself, little endian.

    u32 magic, u16 version 1, u16 type 1 (float32), u32 rows, u32 columns, the values row by row.
    """
    rows, columns = kspace.magnitude.shape
    return _RAW_HEADER.pack(MAGIC, 1, 1, rows, columns) + kspace.magnitude.tobytes()
