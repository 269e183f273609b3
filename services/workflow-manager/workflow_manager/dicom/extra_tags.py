"""Attributes that an installation keeps beside those that the index always has.

Their names are checked when the service starts; an image is never refused because of them.
"""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.tag import Tag

from scanhub_libraries.logging import get_logger
from workflow_manager.dicom.part10 import Header
from workflow_manager.dicom.tags import KEPT_TAGS, UIDS, plain

logger = get_logger(__name__)
_MOST_NAMES, _MOST_VALUES = 64, 64
_NUMBER = re.compile(r"([0-9a-fA-F]{4}),?([0-9a-fA-F]{4})", re.ASCII)
_FIRST_GROUP, _PIXEL_GROUP = 0x0008, 0x7FE0


def checked_names(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the names of attributes: keywords, or eight digits for those that have none.

    Args:
        texts: Keywords, or tags as `gggg,eeee`; what the index has anyway is left out.

    Raises:
        ValueError: One is no attribute, or can not be kept; the text says which and why.
    """
    names = dict.fromkeys(_name_of(text.strip()) for text in texts)
    found = tuple(name for name in names if name not in KEPT_TAGS and name not in UIDS)
    if len(found) > _MOST_NAMES:
        raise ValueError(f"{len(found)} extra tags; at most {_MOST_NAMES} can be kept")
    return found


def _name_of(text: str) -> str:
    number = _NUMBER.fullmatch(text)
    tag = int("".join(number.groups()), 16) if number else tag_for_keyword(text)
    if tag is None:
        raise ValueError(f"{text!r} is no attribute: write a keyword of DICOM, or gggg,eeee")
    keyword = keyword_for_tag(tag)
    if not _FIRST_GROUP <= tag >> 16 < _PIXEL_GROUP or not (keyword or Tag(tag).is_private):
        raise ValueError(f"{text!r} is no attribute of an image that can be kept")
    if keyword and dictionary_VR(tag) in {"SQ", "OB", "OW", "OD", "OF", "OL", "OV", "UN"}:
        raise ValueError(f"{text!r} is a sequence or binary: it cannot be kept")
    return keyword or f"{tag:08X}"


def with_extra_tags(source: Path | bytes, header: Header, names: Sequence[str]) -> Header:
    """Return a header with some more of the tags of its file. Blocking.

    A value that cannot be read is left out.
    """
    tags = [tag_for_keyword(name) or int(name, 16) for name in names]
    read = BytesIO(source) if isinstance(source, bytes) else source
    try:
        dataset = pydicom.dcmread(read, stop_before_pixels=True, specific_tags=list(tags))
    except Exception as error:  # noqa: BLE001 - the image is whole without them
        logger.warning("extra tags cannot be read", error=type(error).__name__)
        return header
    found: dict[str, Any] = {}
    for name, tag in zip(names, tags, strict=True):
        with suppress(Exception):  # a value against its VR costs no other one
            value = _told(dataset[tag].value)
            if value not in (None, ""):
                found[name] = value
    return replace(header, tags={**header.tags, **found})


def _told(value: Any) -> Any:
    if isinstance(value, bytes):  # private, without a VR
        value = value.decode("ascii").rstrip(" \x00")
        return value if value.isprintable() else None
    found = None if value is None else plain(value)
    return found[:_MOST_VALUES] if isinstance(found, list) else found
