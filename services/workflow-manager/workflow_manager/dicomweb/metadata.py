"""Metadata of an instance: its data set as DICOM JSON, without pixels. Blocking."""

import os
from mmap import PROT_READ, mmap
from pathlib import Path
from typing import NamedTuple

import pydicom
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
)

from workflow_manager.dicom.walk import Data, UnusualError, data_set_begin
from workflow_manager.dicomweb.json_model import json_of_dataset
from workflow_manager.dicomweb.json_text import write_json
from workflow_manager.dicomweb.metadata_text import elements_of, text_of

_HEAD_BYTES = 65_536
_CHARACTER_SET, _SYNTAX, _PIXELS = 0x00080005, 0x00083002, 0x7FE00010
_ALL_PIXELS = (_PIXELS, 0x7FE00008, 0x7FE00009)
_ELSEWHERE = frozenset({DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian})
"""Transfer syntaxes that `metadata_text` does not know."""


class Stored(NamedTuple):
    """A file that is asked for."""

    path: Path
    transfer_syntax_uid: str
    bulk: str
    """Beginning of the addresses of long values."""


def metadata_of(stored: Stored) -> str:
    """Return the data set of a file as DICOM JSON, long values by their addresses."""
    try:
        texts, has_pixels = _quickly(stored)
    except Exception:  # noqa: BLE001 - whatever it was, the thorough parser says it
        texts, has_pixels = _thoroughly(stored)
    # JSON is UTF-8 (PS3.18 F.2)
    texts[_CHARACTER_SET] = '"00080005":{"vr":"CS","Value":["ISO_IR 192"]}'
    syntax = write_json([stored.transfer_syntax_uid])
    texts[_SYNTAX] = f'"00083002":{{"vr":"UI","Value":{syntax}}}'
    if has_pixels:
        address = write_json(f"{stored.bulk}7FE00010")
        texts[_PIXELS] = f'"7FE00010":{{"vr":"OW","BulkDataURI":{address}}}'
    return text_of(texts)


def _quickly(stored: Stored) -> tuple[dict[int, str], bool]:
    if stored.transfer_syntax_uid in _ELSEWHERE:
        raise UnusualError("It is not little endian as it is.")
    file = os.open(stored.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        head, size = os.pread(file, _HEAD_BYTES, 0), os.fstat(file).st_size
        try:
            return _elements(head, size, stored)
        except UnusualError:
            if len(head) == size:
                raise
        with mmap(file, 0, prot=PROT_READ) as data:
            return _elements(data, size, stored)
    finally:
        os.close(file)


def _elements(data: Data, size: int, stored: Stored) -> tuple[dict[int, str], bool]:
    begin = data_set_begin(data)
    if begin is None:
        raise UnusualError("The file does not begin as usual.")
    implicit = stored.transfer_syntax_uid == ImplicitVRLittleEndian
    return elements_of(data, begin, size, implicit=implicit, bulk=stored.bulk)


def _thoroughly(stored: Stored) -> tuple[dict[int, str], bool]:
    deflated = stored.transfer_syntax_uid == DeflatedExplicitVRLittleEndian
    with stored.path.open("rb") as file:
        dataset = pydicom.dcmread(file, stop_before_pixels=not deflated)
        has_pixels = len(file.read(1)) > 0
    if deflated:  # it is in memory, all of it
        has_pixels = any(dataset.pop(tag, None) is not None for tag in _ALL_PIXELS)
    found = json_of_dataset(dataset, lambda place: f"{stored.bulk}{place}")
    return {int(tag, 16): f'"{tag}":{write_json(one)}' for tag, one in found.items()}, has_pixels
