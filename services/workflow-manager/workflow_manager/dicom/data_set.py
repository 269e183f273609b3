"""The data set of a file, as it is sent: read in pieces, never as a whole. Blocking.

What the peer takes only in the other of the two plain encodings (PS3.5 annex A.1 and A.2) is
written anew up to its pixels; those are the same bytes in both.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from struct import Struct
from types import TracebackType
from typing import BinaryIO, Protocol, Self

from pydicom import filereader
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.tag import BaseTag
from pydicom.uid import ImplicitVRLittleEndian

from workflow_manager.dicom.walk import META, UnusualError, code_of, data_set_begin, find
from workflow_manager.senders.encodings import NATIVE

_HEAD_BYTES = 2048
_CLASS, _INSTANCE, _SYNTAX = (code_of(tag) for tag in (0x00020002, 0x00020003, 0x00020010))
_PIXELS = {0x7FE00008: b"OF", 0x7FE00009: b"OD", 0x7FE00010: b"OW"}
_TAG = Struct("<HH")
_EXPLICIT, _IMPLICIT = Struct("<HH2sHI"), Struct("<HHI")
_UNDEFINED = 0xFFFFFFFF
_MOST_BEHIND = 64 * 2**20
"""What may stand behind the pixels: a trailer, signatures."""


class UnsendableError(Exception):
    """A file cannot be sent; the text says why, for a person."""


@dataclass(frozen=True, slots=True)
class DataSetFile:
    """A file, and where its data set begins."""

    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    begin: int
    size: int
    """Of the data set [byte]."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file meta information (PS3.10 section 7.1).

        Raises:
            UnsendableError: It is no DICOM file, or cannot be read.
        """
        try:
            with path.open("rb", buffering=0) as file:
                head, size = file.read(_HEAD_BYTES), os.fstat(file.fileno()).st_size
            begin = data_set_begin(head)
            if begin is None or begin > len(head):
                return cls._read_slowly(path, size)
            wanted = dict.fromkeys((_CLASS, _INSTANCE, _SYNTAX))
            places = find(head[:begin], META, begin, wanted, implicit=False)
            sop_class, instance, syntax = (
                _text(head[places[code].value : places[code].end]) for code in wanted
            )
            return cls(path, sop_class, instance, syntax, begin, size - begin)
        except (UnusualError, KeyError, UnicodeDecodeError):
            return cls._read_slowly(path, size)
        except OSError as error:
            raise UnsendableError(f"The file cannot be read: {error.strerror}.") from error

    @classmethod
    def _read_slowly(cls, path: Path, size: int) -> Self:
        try:
            with path.open("rb") as file:
                filereader.read_preamble(file, force=False)
                meta = filereader._read_file_meta_info(file)  # noqa: SLF001 - tells where it ends
                return cls(
                    path,
                    str(meta.MediaStorageSOPClassUID),
                    str(meta.MediaStorageSOPInstanceUID),
                    str(meta.TransferSyntaxUID),
                    begin=file.tell(),
                    size=size - file.tell(),
                )
        except (OSError, AttributeError, ValueError, InvalidDicomError) as error:
            raise UnsendableError(f"The file cannot be read: {error}") from error


def _text(value: bytes) -> str:
    return value.decode("ascii").rstrip("\x00 ")


class Body(Protocol):
    """The bytes of a data set, in order."""

    size: int

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def fill(self, views: Sequence[memoryview]) -> None:
        """Read on, into all of these; raises OSError if there is less than `size` said."""


def body_of(file: DataSetFile, transfer_syntax_uid: str) -> Body:
    """Return the data set of a file in a transfer syntax: its own, or the other plain one.

    Raises:
        UnsendableError: It cannot be written in that one.
        OSError: The file cannot be read.
    """
    if transfer_syntax_uid == file.transfer_syntax_uid:
        return _Stored(file)
    if not {transfer_syntax_uid, file.transfer_syntax_uid} <= set(NATIVE):
        raise UnsendableError("It would have to be decoded.")
    try:
        return _Rewritten(file, implicit=transfer_syntax_uid == str(ImplicitVRLittleEndian))
    except OSError:
        raise
    except Exception as error:  # the parser of hostile bytes raises what it likes
        raise UnsendableError(f"It cannot be written in another encoding: {error}") from error


class _Stored:
    """As it is in the file."""

    def __init__(self, file: DataSetFile, begin: int = 0, size: int | None = None) -> None:
        self.size = file.size if size is None else size
        self._position = file.begin + begin
        self._file = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._file)

    def fill(self, views: Sequence[memoryview]) -> None:
        """Read on."""
        rest = list(views)
        while rest:
            count = os.preadv(self._file, rest, self._position)
            if count == 0:
                raise OSError("it is shorter than it was")
            self._position += count
            while rest and count >= len(rest[0]):
                count -= len(rest.pop(0))
            if count:
                rest[0] = rest[0][count:]


class _Rewritten:
    """Written anew before and behind its pixels, which are read from the file."""

    def __init__(self, file: DataSetFile, *, implicit: bool) -> None:
        before, begin, length, behind = _taken_apart(file, implicit=implicit)
        self.size = len(before) + length + len(behind)
        self._pixels = _Stored(file, begin - file.begin, length)
        self._left: list[tuple[int, Callable[[memoryview], object]]] = [
            (len(before), BytesIO(before).readinto),
            (length, lambda view: self._pixels.fill([view])),
            (len(behind), BytesIO(behind).readinto),
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pixels.__exit__(kind, error, trace)

    def fill(self, views: Sequence[memoryview]) -> None:
        """Read on."""
        for view in views:
            rest = view
            while rest:
                left, read = self._left[0]
                part = rest[:left]
                read(part)
                rest = rest[len(part) :]
                if len(part) == left:
                    self._left.pop(0)
                else:
                    self._left[0] = (left - len(part), read)


def _taken_apart(file: DataSetFile, *, implicit: bool) -> tuple[bytes, int, int, bytes]:
    """Return what stands before the pixels, where they are and how long, and what is behind.

    Before and behind are in the other encoding; the head of the pixels' element is with the former.
    """
    was_implicit = not implicit
    with file.path.open("rb") as source:
        source.seek(file.begin)
        before = _other(_read(source, was_implicit, stop=True), implicit=implicit)
        head = source.read(_EXPLICIT.size)
        if not head:
            return before, file.begin, 0, b""
        element, group = _TAG.unpack_from(head)[::-1]
        tag = group << 16 | element
        if was_implicit:
            _, _, length = _IMPLICIT.unpack_from(head)
            vr, begin = _PIXELS[tag], source.tell() - len(head) + _IMPLICIT.size
        else:
            _, _, vr, _, length = _EXPLICIT.unpack(head)
            begin = source.tell()
        if length == _UNDEFINED:
            raise ValueError("its pixels are encapsulated")
        written = _IMPLICIT.pack(group, element, length)
        if not implicit:
            written = _EXPLICIT.pack(group, element, vr, 0, length)
        source.seek(begin + length)
        rest = file.begin + file.size - source.tell()
        if not 0 <= rest <= _MOST_BEHIND:
            raise ValueError("its pixels end beyond its end, or long before")
        behind = _other(_read(source, was_implicit, stop=False), implicit=implicit)
        return before + written, begin, length, behind


def _read(source: BinaryIO, implicit: bool, *, stop: bool) -> Dataset:
    return filereader.read_dataset(
        source,
        is_implicit_VR=implicit,
        is_little_endian=True,
        stop_when=_at_pixels if stop else None,
    )


def _at_pixels(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return tag in _PIXELS


def _other(dataset: Dataset, *, implicit: bool) -> bytes:
    target = DicomBytesIO()
    target.is_implicit_VR, target.is_little_endian = implicit, True
    write_dataset(target, dataset)
    return target.getvalue()
