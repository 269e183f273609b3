"""Where the frames of a file are. Blocking; nothing but what is asked for is read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy.typing as npt
import pydicom
from pydicom.dataset import FileDataset
from pydicom.encaps import generate_frames
from pydicom.pixels.utils import get_expected_length, pixel_array
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian

from scanhub_libraries.errors import NotAcceptableError, NotFoundError
from workflow_manager.dicomweb.multipart import Slice

_PIXEL_TAGS = frozenset({b"\xe0\x7f\x08\x00", b"\xe0\x7f\x09\x00", b"\xe0\x7f\x10\x00"})
_SHORT_HEADER, _LONG_HEADER = 8, 12
MOST_SAMPLES = 128 * 2**20
"""Samples of a frame that is decoded: what a file claims costs no more memory than this."""


@dataclass(frozen=True, slots=True)
class Pixels:
    """The header of an image, and where its pixel data begin."""

    path: Path
    header: FileDataset
    offset: int
    length: int
    memory: bytes | None = None
    """The pixel data, of a deflated file, which has no place for them."""

    @property
    def frames(self) -> int:
        """Number of frames."""
        return max(1, int(self.header.get("NumberOfFrames") or 1))

    @property
    def syntax(self) -> str:
        """Transfer syntax of the file."""
        return str(self.header.file_meta.TransferSyntaxUID)

    @property
    def is_compressed(self) -> bool:
        """Say whether the frames are in fragments (PS3.5 annex A.4)."""
        return bool(self.header.file_meta.TransferSyntaxUID.is_encapsulated)


def find_pixels(path: Path) -> Pixels:
    """Read the header of a file and find its pixel data.

    Raises:
        NotFoundError: It has none.
    """
    with path.open("rb") as file:
        header = pydicom.dcmread(file, stop_before_pixels=True)
        syntax = header.file_meta.TransferSyntaxUID
        if syntax == DeflatedExplicitVRLittleEndian:
            data = bytes(pydicom.dcmread(path).get("PixelData") or b"")
            if data:
                return Pixels(path, header, 0, len(data), data)
        start = file.tell()
        head = file.read(_LONG_HEADER)
    if head[:4] not in _PIXEL_TAGS or len(head) < _LONG_HEADER:
        raise NotFoundError("The instance has no pixel data.")
    if syntax == ImplicitVRLittleEndian:
        length = int.from_bytes(head[4:8], "little")
        return Pixels(path, header, start + _SHORT_HEADER, length)
    length = int.from_bytes(head[8:12], "little" if syntax.is_little_endian else "big")
    return Pixels(path, header, start + _LONG_HEADER, length)


def check_frames(pixels: Pixels, frames: Sequence[int]) -> None:
    """Refuse frames that are not there.

    Raises:
        NotFoundError: One is not.
    """
    if frames and frames[-1] > pixels.frames:
        raise NotFoundError(f"The instance has {pixels.frames} frames; there is no {frames[-1]}.")


def native_frame(pixels: Pixels, frame: int) -> Slice | bytes:
    """Return where a frame is that is not compressed; frames count from 1.

    Raises:
        NotAcceptableError: It does not begin at a byte.
        NotFoundError: The file is shorter than its header says.
    """
    total = get_expected_length(pixels.header, unit="bytes")
    bits = int(pixels.header.get("BitsAllocated") or 8)
    size, rest = divmod(total, pixels.frames)
    if rest or (bits == 1 and get_expected_length(pixels.header, unit="pixels") * bits % 8):
        raise NotAcceptableError("The frames do not begin at bytes; retrieve the instance.")
    start = (frame - 1) * size
    if start + size > pixels.length:
        raise NotFoundError(f"Frame {frame} is not in the file, which is too short.")
    if pixels.memory is not None:
        return pixels.memory[start : start + size]
    return Slice(pixels.path, pixels.offset + start, size)


def compressed_frames(pixels: Pixels, frames: Sequence[int]) -> Iterator[bytes]:
    """Yield frames as they are stored; `frames` ascends."""
    wanted = set(frames)
    with pixels.path.open("rb") as file:
        file.seek(pixels.offset)
        for number, data in enumerate(_all_frames(file, pixels), start=1):
            if number in wanted:
                yield data
            if number >= frames[-1]:
                return


def _all_frames(file: BinaryIO, pixels: Pixels) -> Iterator[bytes]:
    table = pixels.header.get("ExtendedOffsetTable")
    lengths = pixels.header.get("ExtendedOffsetTableLengths")
    extended = (table, lengths) if table and lengths else None
    return generate_frames(file, number_of_frames=pixels.frames, extended_offsets=extended)


def decoded_frame(pixels: Pixels, frame: int, *, raw: bool = True) -> npt.NDArray[Any]:
    """Return a frame as an array.

    Raises:
        NotAcceptableError: It is too large to be decoded here, or there is no decoder.
    """
    header = pixels.header
    samples = int(header.get("SamplesPerPixel") or 1) * int(header.Rows) * int(header.Columns)
    if samples > MOST_SAMPLES:
        raise NotAcceptableError("The frame is too large to be decoded here; retrieve it as it is.")
    source = BytesIO(pixels.path.read_bytes()) if pixels.memory is not None else pixels.path
    try:
        return pixel_array(source, index=frame - 1, raw=raw)
    except Exception as error:  # decoders of hostile bytes raise what they like
        raise NotAcceptableError(
            f"The frame cannot be decoded here ({type(error).__name__}); retrieve it as it is."
        ) from error
