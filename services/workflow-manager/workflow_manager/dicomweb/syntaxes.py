"""Instances in another transfer syntax than they are stored in, where pydicom can. Blocking."""

from io import BytesIO
from pathlib import Path

import pydicom
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from workflow_manager.dicomweb.rules import ANY

_NATIVE = frozenset(
    {ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian}
)
_WRITTEN = frozenset({ExplicitVRLittleEndian, ImplicitVRLittleEndian})
LARGEST_BYTES = 512 * 2**20
"""Files that are larger are sent as they are, or not at all: this happens in memory."""


def can_decode(syntax: str) -> bool:
    """Say whether there is a decoder for the frames of a transfer syntax."""
    try:
        return bool(get_decoder(pydicom.uid.UID(syntax)).is_available)
    except NotImplementedError:
        return False


def can_convert(stored: str, wanted: str, size: int) -> bool:
    """Say whether a file can be sent in a transfer syntax."""
    if wanted in {ANY, stored}:
        return True
    readable = stored in _NATIVE or can_decode(stored)
    return wanted in _WRITTEN and readable and size <= LARGEST_BYTES


def convert(path: Path, wanted: str) -> bytes:
    """Return a file in another transfer syntax."""
    dataset = pydicom.dcmread(path)
    if dataset.file_meta.TransferSyntaxUID not in _NATIVE and "PixelData" in dataset:
        dataset.decompress(generate_instance_uid=False)
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(wanted)
    target = BytesIO()
    implicit = wanted == ImplicitVRLittleEndian
    dataset.save_as(target, implicit_vr=implicit, little_endian=True, enforce_file_format=True)
    return target.getvalue()
