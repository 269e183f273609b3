"""What a client accepts (RFC 9110 section 12.5.1, PS3.18 section 8.7). Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from scanhub_libraries.errors import BadRequestError, NotAcceptableError

DICOM, JSON, DICOM_JSON = "application/dicom", "application/json", "application/dicom+json"
OCTETS, MULTIPART = "application/octet-stream", "multipart/related"
JPEG, PNG, PDF = "image/jpeg", "image/png", "application/pdf"
ANY = "*"
_SYNTAX = "transfer-syntax"
_UID = re.compile(r"[0-9.]{1,64}", re.ASCII)
_MOST_RANGES = 32
EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
# Media types of compressed frames (PS3.18 table 8.7.3-5).
FRAME_TYPES = {
    "1.2.840.10008.1.2.4.50": JPEG,
    "1.2.840.10008.1.2.4.51": JPEG,
    "1.2.840.10008.1.2.4.57": JPEG,
    "1.2.840.10008.1.2.4.70": JPEG,
    "1.2.840.10008.1.2.4.80": "image/jls",
    "1.2.840.10008.1.2.4.81": "image/jls",
    "1.2.840.10008.1.2.4.90": "image/jp2",
    "1.2.840.10008.1.2.4.91": "image/jp2",
    "1.2.840.10008.1.2.4.201": "image/jphc",
    "1.2.840.10008.1.2.4.202": "image/jphc",
    "1.2.840.10008.1.2.4.203": "image/jphc",
    "1.2.840.10008.1.2.5": "image/dicom-rle",
}


@dataclass(frozen=True, slots=True)
class MediaRange:
    """One of the media types that a client takes."""

    name: str
    parameters: dict[str, str] = field(default_factory=dict)
    quality: float = 1.0

    @property
    def inner(self) -> str:
        """Return what is in the parts, or the type itself where there are no parts."""
        return self.parameters.get("type", ANY) if self.name == MULTIPART else self.name

    @property
    def syntax(self) -> str | None:
        """Return the transfer syntax that is asked for."""
        return self.parameters.get(_SYNTAX)

    def takes(self, media_type: str) -> bool:
        """Say whether a type, of a part or of the whole, is in this range."""
        first, _, _ = media_type.partition("/")
        return self.inner in {media_type, ANY, "*/*", f"{first}/*"}


@lru_cache(maxsize=64)
def parse_accept(header: str | None) -> tuple[MediaRange, ...]:
    """Return what a client takes, the best first; nothing said: everything.

    Clients say the same again and again: it is read once.

    Raises:
        BadRequestError: It cannot be read.
    """
    if not header or not header.strip():
        return (MediaRange("*/*"),)
    found = [_range(part) for part in list(_split(header, ","))[:_MOST_RANGES] if part.strip()]
    return tuple(sorted((r for r in found if r.quality > 0), key=lambda one: -one.quality))


def parse_media_type(text: str) -> MediaRange:
    """Return a media type with its parameters."""
    return _range(text)


def _range(text: str) -> MediaRange:
    name, *pieces = (piece.strip() for piece in _split(text, ";"))
    parameters = {}
    for piece in pieces:
        key, _, value = piece.partition("=")
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] == '"':
            value = value[1:-1]
        key = key.strip().lower()
        parameters[key] = value.lower() if key == "type" else value
    try:
        quality = float(parameters.pop("q", "1"))
    except ValueError:
        raise BadRequestError(f"Accept: {text[:80]!r} cannot be read.", field="Accept") from None
    return MediaRange(name.lower(), parameters, quality)


def _split(text: str, separator: str) -> Iterator[str]:
    """Split where a separator is not in quotes."""
    if '"' not in text:
        yield from text.split(separator)
        return
    start, quoted = 0, False
    for position, letter in enumerate(text):
        if letter == '"':
            quoted = not quoted
        elif letter == separator and not quoted:
            yield text[start:position]
            start = position + 1
    yield text[start:]


def choose(accept: Sequence[MediaRange], offered: Sequence[str]) -> str:
    """Return the first type that is offered of those that a client takes.

    Args:
        accept: What the client takes, the best first.
        offered: What there is, the best first.

    Raises:
        NotAcceptableError: It takes none of them.
    """
    for one in accept:
        for media_type in offered:
            if one.name != MULTIPART and one.takes(media_type):
                return media_type
    raise NotAcceptableError(f"There is {', '.join(offered)} here; ask for one of them.")


def choose_parts(accept: Sequence[MediaRange], offered: Sequence[str]) -> str:
    """Return the first type for the parts of an answer that a client takes.

    Raises:
        NotAcceptableError: It takes no parts, or none of these types in them.
    """
    for one in accept:
        for media_type in offered:
            if one.name in {MULTIPART, "*/*"} and one.takes(media_type):
                return media_type
    raise NotAcceptableError(f'There is {MULTIPART} with type="{offered[0]}" here; ask for it.')


@dataclass(frozen=True, slots=True)
class InstanceFormat:
    """How instances shall be sent."""

    multipart: bool
    syntax: str = ANY
    """Transfer syntax, or any: as they are stored."""


def choose_instances(accept: Sequence[MediaRange], *, single: bool) -> InstanceFormat:
    """Choose how instances are sent (PS3.18 section 10.4.4).

    Args:
        accept: What the client takes, the best first.
        single: Whether there is one instance only, which can go without parts around it.

    Raises:
        NotAcceptableError: It takes nothing of what there is.
        BadRequestError: The transfer syntax is no UID.
    """
    for one in accept:
        syntax = one.syntax or ANY
        if syntax != ANY and not _UID.fullmatch(syntax):
            raise BadRequestError(f"{syntax[:80]!r} is no transfer syntax.", field="Accept")
        if one.name in {MULTIPART, "*/*"} and one.takes(DICOM):
            return InstanceFormat(multipart=True, syntax=syntax)
        if single and one.name == DICOM:
            return InstanceFormat(multipart=False, syntax=syntax)
    plain = f", or as {DICOM}" if single else ""
    raise NotAcceptableError(f'Instances come as {MULTIPART}; type="{DICOM}"{plain}.')


@dataclass(frozen=True, slots=True)
class FrameFormat:
    """How frames shall be sent."""

    multipart: bool
    media_type: str
    decoded: bool
    """They are decompressed first; else they go as they are stored."""


def choose_frames(
    accept: Sequence[MediaRange], stored: str, *, single: bool, compressed: bool
) -> FrameFormat:
    """Choose how frames, or the bulk data of an image, are sent (PS3.18 section 8.7.3.5).

    Args:
        accept: What the client takes, the best first.
        stored: Transfer syntax of the file.
        single: Whether one frame is asked for, which can go without parts around it.
        compressed: Whether the file has its frames compressed.

    Raises:
        NotAcceptableError: It takes nothing of what there is.
    """
    own = FRAME_TYPES.get(stored, OCTETS) if compressed else OCTETS
    for one in accept:
        multipart = one.name in {MULTIPART, "*/*"}
        if not multipart and not single:
            continue
        if one.takes(own) and one.syntax in {None, ANY, stored}:
            return FrameFormat(multipart, own, decoded=False)
        if one.takes(OCTETS) and one.syntax in {None, ANY, EXPLICIT_LITTLE_ENDIAN}:
            return FrameFormat(multipart, OCTETS, decoded=compressed)
    raise NotAcceptableError(f'The frames come as {MULTIPART}; type="{own}" or type="{OCTETS}".')
