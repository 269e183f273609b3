"""WADO-RS (PS3.18 section 10.4): what is sent of the files of a study, a series or an instance."""

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset

from scanhub_libraries.errors import BadRequestError, NotAcceptableError, NotFoundError
from scanhub_libraries.lake import LocalLake
from workflow_manager.dicomweb import pixels, rules, syntaxes
from workflow_manager.dicomweb.metadata import Stored, metadata_of
from workflow_manager.dicomweb.multipart import (
    Part,
    Slice,
    length_of,
    new_boundary,
    pieces_of,
)
from workflow_manager.query.repository import StoredFile

MOST_FRAMES = 100_000
_PIXEL_DATA = "7FE00010"
_FRAME = re.compile(r"\d{1,8}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent: type, bytes, and how many they are if that is known before."""

    media_type: str
    pieces: Iterable[bytes | Slice]
    length: int | None = None
    ranges: bool = False
    """Parts of it can be asked for (RFC 9110 section 14)."""


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Files that are asked for, and where they are."""

    files: Sequence[StoredFile]
    lake: LocalLake
    base: str
    """Address of the DICOMweb service."""

    def path(self, file: StoredFile) -> Path:
        """Return where a file is."""
        return self.lake.root / file.key

    def whole(self, file: StoredFile) -> Slice:
        """Return all of a file."""
        return Slice(f"{self.lake.root}/{file.key}", 0, file.size)

    def has(self, syntax: str) -> bool:
        """Say whether the files are in a transfer syntax as they are stored."""
        return all(syntax in {rules.ANY, file.transfer_syntax_uid} for file in self.files)

    def url(self, file: StoredFile) -> str:
        """Return the address of an instance."""
        return (
            f"{self.base}/studies/{file.study_instance_uid}/series/{file.series_instance_uid}"
            f"/instances/{file.sop_instance_uid}"
        )


def related(media_type: str, boundary: str) -> str:
    """Return the type of an answer in parts."""
    return f'{rules.MULTIPART}; type="{media_type}"; boundary={boundary}'


def instances(retrieval: Retrieval, syntax: str) -> Answer:
    """Send instances in parts.

    Raises:
        NotAcceptableError: One cannot be had in this transfer syntax.
    """
    for file in retrieval.files:
        check_syntax(file, syntax)
    boundary = new_boundary()
    pieces = pieces_of(_instance_parts(retrieval, syntax), boundary)
    if not retrieval.has(syntax):
        return Answer(related(rules.DICOM, boundary), pieces)
    known = list(pieces)
    return Answer(related(rules.DICOM, boundary), known, length_of(known))


def one_instance(retrieval: Retrieval, chosen: rules.InstanceFormat) -> Answer:
    """Send one instance, in a part or by itself. Blocking where it is converted.

    Raises:
        NotAcceptableError: It cannot be had in this transfer syntax.
    """
    if chosen.multipart:
        return instances(retrieval, chosen.syntax)
    (file,) = retrieval.files
    if retrieval.has(chosen.syntax):
        return Answer(rules.DICOM, [retrieval.whole(file)], file.size, ranges=True)
    check_syntax(file, chosen.syntax)
    data = syntaxes.convert(retrieval.path(file), chosen.syntax)
    media_type = f"{rules.DICOM}; transfer-syntax={chosen.syntax}"
    return Answer(media_type, [data], len(data))


def check_syntax(file: StoredFile, syntax: str) -> None:
    """Refuse a transfer syntax that a file cannot be had in.

    Raises:
        NotAcceptableError: It cannot.
    """
    if not syntaxes.can_convert(file.transfer_syntax_uid, syntax, file.size):
        raise NotAcceptableError(
            f"{file.sop_instance_uid} is stored in the transfer syntax "
            f"{file.transfer_syntax_uid} and cannot be had in {syntax}; ask for transfer-syntax=*."
        )


def _instance_parts(retrieval: Retrieval, syntax: str) -> Iterator[Part]:
    for file in retrieval.files:
        stored = file.transfer_syntax_uid
        content: Slice | bytes
        if syntax in {rules.ANY, stored}:
            given, content = stored, retrieval.whole(file)
        else:
            given, content = syntax, syntaxes.convert(retrieval.path(file), syntax)
        yield Part(f"{rules.DICOM}; transfer-syntax={given}", content, retrieval.url(file))


def metadata(retrieval: Retrieval) -> Iterator[bytes]:
    """Yield the data sets as DICOM JSON, long values by their addresses; in threads."""
    opening = "["
    for file in retrieval.files:
        bulk = f"{retrieval.url(file)}/bulkdata/"
        stored = Stored(retrieval.path(file), file.transfer_syntax_uid, bulk)
        yield f"{opening}{metadata_of(stored)}".encode()
        opening = ","
    yield b"]"


def frame_numbers(text: str) -> list[int]:
    """Read a list of frames.

    Raises:
        BadRequestError: It is none, or does not ascend.
    """
    parts = text.split(",")
    if len(parts) > MOST_FRAMES or not all(map(_FRAME.fullmatch, parts)):
        raise BadRequestError("Frames are numbers from 1, with commas.", field="frames")
    numbers = [int(part) for part in parts]
    if numbers[0] < 1 or any(a >= b for a, b in pairwise(numbers)):
        raise BadRequestError("Frames are numbers from 1 that ascend.", field="frames")
    return numbers


async def frames(
    retrieval: Retrieval, numbers: Sequence[int], accept: Sequence[rules.MediaRange]
) -> Answer:
    """Send frames, decoded or as they are stored.

    Raises:
        NotFoundError: A frame is not there.
        NotAcceptableError: They cannot be had like this.
    """
    (file,) = retrieval.files
    found = await asyncio.to_thread(pixels.find_pixels, retrieval.path(file))
    numbers = numbers or list(range(1, found.frames + 1))
    pixels.check_frames(found, numbers)
    chosen = rules.choose_frames(
        accept, found.syntax, single=len(numbers) == 1, compressed=found.is_compressed
    )
    contents, media_type = _contents(found, numbers, chosen)
    if not chosen.multipart:
        (content,) = await asyncio.to_thread(lambda: list(islice(contents, 1)))
        part = Part(media_type, content)
        return Answer(media_type, [content], part.length)
    url = retrieval.url(file)
    boundary = new_boundary()
    parts = (
        Part(media_type, content, f"{url}/frames/{number}")
        for number, content in zip(numbers, contents, strict=False)
    )
    return Answer(related(chosen.media_type, boundary), pieces_of(parts, boundary))


def _contents(
    found: pixels.Pixels, numbers: Sequence[int], chosen: rules.FrameFormat
) -> tuple[Iterator[Slice | bytes], str]:
    syntax = found.syntax
    contents: Iterator[Slice | bytes]
    if chosen.decoded:
        # The first one now: what cannot be decoded is said in the status, not amid the answer.
        first = pixels.decoded_frame(found, numbers[0]).tobytes() if numbers else b""
        contents = (
            first if n == numbers[0] else pixels.decoded_frame(found, n).tobytes() for n in numbers
        )
        syntax = rules.EXPLICIT_LITTLE_ENDIAN
    elif found.is_compressed:
        contents = iter(pixels.compressed_frames(found, numbers))
    else:
        for number in (numbers[0], numbers[-1]):
            pixels.native_frame(found, number)  # what is not there is said in the status too
        contents = (pixels.native_frame(found, number) for number in numbers)
    return contents, f"{chosen.media_type}; transfer-syntax={syntax}"


async def bulk_data(retrieval: Retrieval, place: str, accept: Sequence[rules.MediaRange]) -> Answer:
    """Send one value of an instance, as the metadata name it.

    Raises:
        NotFoundError: There is none.
    """
    if place.upper() == _PIXEL_DATA:
        return await frames(retrieval, (), accept)
    in_parts = any(one.name == rules.MULTIPART and one.takes(rules.OCTETS) for one in accept)
    if not in_parts:
        rules.choose(accept, (rules.OCTETS,))
    (file,) = retrieval.files
    value = await asyncio.to_thread(_value_at, retrieval.path(file), place)
    if not in_parts:
        return Answer(rules.OCTETS, [value], len(value))
    boundary = new_boundary()
    part = Part(rules.OCTETS, value, f"{retrieval.url(file)}/bulkdata/{place}")
    return Answer(related(rules.OCTETS, boundary), pieces_of([part], boundary))


def _value_at(path: Path, place: str) -> bytes:
    """Return a binary value by its path: tags and, between them, numbers of items."""
    here: Dataset = pydicom.dcmread(path, stop_before_pixels=True)
    *above, last = place.split("/")
    try:
        for tag, item in zip(above[::2], above[1::2], strict=True):
            here = here[int(tag, 16)].value[int(item)]
        value = here[int(last, 16)].value
    except (KeyError, ValueError, IndexError, TypeError, OverflowError):
        value = None
    if not isinstance(value, bytes):
        raise NotFoundError("The instance has no such value.")
    return value


Draw = Callable[[pixels.Pixels, int], bytes]


async def drawn(path: Path, frame: int, draw: Draw) -> bytes:
    """Return an image of a frame.

    Raises:
        NotFoundError: There is no such frame.
        NotAcceptableError: It cannot be decoded.
    """

    def work() -> bytes:
        found = pixels.find_pixels(path)
        pixels.check_frames(found, [frame])
        return draw(found, frame)

    return await asyncio.to_thread(work)


def all_drawn(retrieval: Retrieval, draw: Draw, media_type: str) -> Answer:
    """Send an image of each instance that has pixels, in parts."""

    def parts() -> Iterator[Part]:
        for file in retrieval.files:
            try:
                found = pixels.find_pixels(retrieval.path(file))
            except NotFoundError:
                continue
            yield Part(media_type, draw(found, 1), f"{retrieval.url(file)}/rendered")

    boundary = new_boundary()
    return Answer(related(media_type, boundary), pieces_of(parts(), boundary))
