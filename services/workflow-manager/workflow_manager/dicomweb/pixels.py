"""Where the frames of a file are. Blocking; nothing but what is asked for is read."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy.typing as npt
import pydicom
from pydicom.dataset import FileDataset
from pydicom.encaps import generate_frames, get_frame
from pydicom.pixels.utils import get_expected_length, pixel_array
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian

from scanhub_libraries.errors import NotAcceptableError, NotFoundError
from scanhub_libraries.wording import counted
from workflow_manager.dicomweb.multipart import Slice

_PIXEL_TAGS = frozenset({b"\xe0\x7f\x08\x00", b"\xe0\x7f\x09\x00", b"\xe0\x7f\x10\x00"})
_SHORT_HEADER, _LONG_HEADER = 8, 12
_NEEDED = [
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "WindowCenter",
    "WindowWidth",
    "VOILUTFunction",
    "RescaleIntercept",
    "RescaleSlope",
    "ModalityLUTSequence",
    "RedPaletteColorLookupTableDescriptor",
    "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor",
    "AlphaPaletteColorLookupTableDescriptor",
    "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableData",
    "AlphaPaletteColorLookupTableData",
    "SegmentedRedPaletteColorLookupTableData",
    "SegmentedGreenPaletteColorLookupTableData",
    "SegmentedBluePaletteColorLookupTableData",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
]
"""What frames and their images are made from: an image of a thousand frames says more of each."""
_FEW = 8
"""Frames that are looked up one by one; more are read in a row."""
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
        header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=list(_NEEDED))
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
        there = counted(pixels.frames, "frame")
        raise NotFoundError(f"The instance has {there}; there is no {frames[-1]}.")


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
    return Slice(str(pixels.path), pixels.offset + start, size)


def compressed_frames(pixels: Pixels, frames: Sequence[int]) -> Iterator[bytes]:
    """Yield frames as they are stored; `frames` ascends.

    Raises:
        NotFoundError: One is not in the file, whatever its header says.
    """
    with pixels.path.open("rb") as file:
        file.seek(pixels.offset)
        found = _some_frames if len(frames) <= _FEW else _in_a_row
        missing = list(reversed(frames))
        try:
            for data in found(file, pixels, frames):
                yield data
                missing.pop()
        except (ValueError, EOFError, struct.error) as error:
            raise _missing(missing[-1]) from error
        if missing:
            raise _missing(missing[-1])


def _missing(frame: int) -> NotFoundError:
    return NotFoundError(f"Frame {frame} is not in the file, whose pixel data are damaged.")


def _some_frames(file: BinaryIO, pixels: Pixels, frames: Sequence[int]) -> Iterator[bytes]:
    """Yield frames of which each is looked up: those in front of it are not read."""
    extended = _extended_offsets(pixels)
    for number in frames:
        yield get_frame(file, number - 1, number_of_frames=pixels.frames, extended_offsets=extended)


def _in_a_row(file: BinaryIO, pixels: Pixels, frames: Sequence[int]) -> Iterator[bytes]:
    """Yield frames of all that are read, one after the other."""
    wanted = set(frames)
    extended = _extended_offsets(pixels)
    all_frames = generate_frames(file, number_of_frames=pixels.frames, extended_offsets=extended)
    for number, data in enumerate(islice(all_frames, frames[-1]), start=1):
        if number in wanted:
            yield data


def _extended_offsets(pixels: Pixels) -> tuple[bytes, bytes] | None:
    table = pixels.header.get("ExtendedOffsetTable")
    lengths = pixels.header.get("ExtendedOffsetTableLengths")
    return (table, lengths) if table and lengths else None


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
