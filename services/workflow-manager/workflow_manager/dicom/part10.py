"""Read what the index needs of a DICOM file (PS3.10), never the pixels."""

import hashlib
import zlib
from dataclasses import dataclass
from io import BytesIO
from mmap import PROT_READ, mmap
from pathlib import Path
from typing import Any, BinaryIO

import pydicom
from pydicom import filereader
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.tag import BaseTag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
)

from workflow_manager.dicom.alike import read_like_before
from workflow_manager.dicom.incoming import Found, Written
from workflow_manager.dicom.rules import NotStorableError, checked_uid
from workflow_manager.dicom.tags import read_tags, tags_of
from workflow_manager.dicom.walk import UnusualError

_PREAMBLE = 128 + 4
_GROUP_LENGTH_ELEMENT = 12
_CHUNK = 1 << 20
_META_GROUP = 0x0002
_PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
_MAX_INFLATED = 16 * 2**20
_BEHIND = 2**62
"""Where no data set ends: it has to be known by its pixels that a header is whole."""
_ELSEWHERE = frozenset({DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian})
"""Transfer syntaxes that `tags.read_tags` does not know."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the index keeps of one instance."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    sha256: str
    """Of the data set without preamble and file meta: who sent it does not matter."""
    size: int
    tags: dict[str, Any]

    def text(self, keyword: str) -> str:
        """Return a tag as text; empty when it is absent."""
        value = self.tags.get(keyword)
        return "" if value is None else str(value)

    def number(self, keyword: str) -> int | None:
        """Return a tag as a number; None when it is absent or no number."""
        try:
            return int(self.tags[keyword])
        except (KeyError, TypeError, ValueError):
            return None


def read_header(source: Path | bytes) -> Header:
    """Read and check the header of a DICOM file.

    Raises:
        NotStorableError: It is none, or lacks what the index cannot do without.
    """
    with BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        dataset, tags = _parse(file)
        size, sha256 = _content(file, dataset.file_meta)
    return _header(dataset, tags, str(dataset.file_meta.TransferSyntaxUID), sha256, size)


def content_of(path: Path) -> tuple[int, str]:
    """Return size and checksum of a DICOM file, whatever its data set is.

    Raises:
        NotStorableError: It has no file meta information.
    """
    try:
        meta = filereader.read_file_meta_info(path)
    except Exception as error:  # the parser of hostile bytes raises what it likes
        raise NotStorableError("The file is no DICOM file (PS3.10).") from error
    with path.open("rb") as file:
        return _content(file, meta)


def _content(file: BinaryIO, meta: FileMetaDataset) -> tuple[int, str]:
    if "TransferSyntaxUID" not in meta or "FileMetaInformationGroupLength" not in meta:
        raise NotStorableError("The file meta information lacks the transfer syntax.")
    digest = hashlib.sha256(str(meta.TransferSyntaxUID).encode())
    file.seek(_PREAMBLE + _GROUP_LENGTH_ELEMENT + int(meta.FileMetaInformationGroupLength))
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return file.tell(), digest.hexdigest()


def read_received(written: Written, transfer_syntax_uid: str) -> Header:
    """Read the header of a file whose bytes were counted as they came.

    Raises:
        NotStorableError: It lacks what the index cannot do without.
    """
    try:
        uids, tags = _read_quickly(written, transfer_syntax_uid)
        return _header(uids, tags, transfer_syntax_uid, written.sha256, written.size)
    except Exception:  # noqa: BLE001 - whatever it was, the thorough parser says it
        with written.path.open("rb") as file:
            dataset, tags = _parse(file)
        return _header(dataset, tags, transfer_syntax_uid, written.sha256, written.size)


def read_head(head: bytes, transfer_syntax_uid: str) -> Found | None:
    """Read the header where it lies in the first bytes of a data set; else None."""
    if transfer_syntax_uid in _ELSEWHERE:
        return None
    implicit = transfer_syntax_uid == ImplicitVRLittleEndian
    try:
        return read_like_before(head, _BEHIND, implicit=implicit)
    except Exception:  # noqa: BLE001 - whatever it is, it is looked at again when all is there
        return None


def _read_quickly(written: Written, transfer_syntax_uid: str) -> Found:
    if written.found is not None:
        return written.found
    implicit = transfer_syntax_uid == ImplicitVRLittleEndian
    if transfer_syntax_uid in _ELSEWHERE:
        raise UnusualError("It is not little endian as it is.")
    head, offset, size = written.head, written.data_set_offset, written.size
    try:
        return read_like_before(head, size - offset, implicit=implicit)
    except UnusualError:
        if len(head) + offset == size:
            raise
    with written.path.open("rb") as file, mmap(file.fileno(), 0, prot=PROT_READ) as data:
        return read_tags(data, offset, size, implicit=implicit)


def _parse(file: BinaryIO) -> tuple[Dataset, dict[str, Any]]:
    try:
        filereader.read_preamble(file, force=False)
        meta = filereader.read_dataset(
            file, is_implicit_VR=False, is_little_endian=True, stop_when=_behind_meta
        )
        if meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
            dataset = _inflated(file)
            dataset.file_meta = FileMetaDataset(meta)
        else:
            file.seek(0)
            dataset = pydicom.dcmread(file, stop_before_pixels=True)
        return dataset, tags_of(dataset)
    except InvalidDicomError as error:
        raise NotStorableError("The file is no DICOM file (PS3.10).") from error
    except NotStorableError:
        raise
    except Exception as error:  # the parser of hostile bytes raises what it likes
        raise NotStorableError(f"The data set cannot be parsed: {error}") from error


def _behind_meta(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return tag.group != _META_GROUP


def _at_pixels(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return tag in _PIXELS


def _inflated(file: BinaryIO) -> Dataset:
    """Read a deflated header (PS3.5 section A.5). A few bytes can inflate to gigabytes.

    Raises:
        NotStorableError: The header is larger than any header is.
    """
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    data = bytearray()
    while len(data) < _MAX_INFLATED and (chunk := inflate.unconsumed_tail or file.read(_CHUNK)):
        data += inflate.decompress(chunk, _MAX_INFLATED - len(data))
    read = BytesIO(data)
    dataset = filereader.read_dataset(
        read, is_implicit_VR=False, is_little_endian=True, stop_when=_at_pixels
    )
    if len(data) == _MAX_INFLATED and read.tell() == _MAX_INFLATED:
        raise NotStorableError(f"The header inflates to more than {_MAX_INFLATED} bytes.")
    return dataset


def _header(
    dataset: Dataset | dict[str, str],
    tags: dict[str, Any],
    transfer_syntax_uid: str,
    sha256: str,
    size: int,
) -> Header:
    return Header(
        study_instance_uid=checked_uid(dataset.get("StudyInstanceUID"), "Study Instance UID"),
        series_instance_uid=checked_uid(dataset.get("SeriesInstanceUID"), "Series Instance UID"),
        sop_instance_uid=checked_uid(dataset.get("SOPInstanceUID"), "SOP Instance UID"),
        sop_class_uid=checked_uid(dataset.get("SOPClassUID"), "SOP Class UID"),
        transfer_syntax_uid=checked_uid(transfer_syntax_uid, "Transfer Syntax UID"),
        sha256=sha256,
        size=size,
        tags=tags,
    )
