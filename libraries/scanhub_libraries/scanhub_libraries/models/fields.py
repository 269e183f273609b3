"""Field types that several wire models share."""

import json
import unicodedata
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

_DEEPEST = 64
_LARGEST_PARAMETER = 64 * 1024
_DELIMITERS = {"PN": "\\^=", "LO": "\\", "SH": "\\"}


def _without_nul(text: str) -> str:
    """Refuse what no database text can hold."""
    if "\x00" in text:
        raise ValueError("contains a NUL character")
    return text


def check_dicom_text(value: str, vr: str) -> str:
    """Refuse what would end a value in DICOM, or begin another one.

    Args:
        value: A text that becomes a DICOM value.
        vr: Its value representation (PS3.5 section 6.2).
    """
    if any(unicodedata.category(letter) == "Cs" for letter in value):
        raise ValueError("contains half a character (an unpaired surrogate)")
    control = [letter for letter in value if unicodedata.category(letter) == "Cc"]
    if control or any(letter in value for letter in _DELIMITERS[vr]):
        raise ValueError(
            f"contains a control character or one of {' '.join(_DELIMITERS[vr])}, "
            "which DICOM uses to separate values: leave it out"
        )
    return value


def _json_document(document: dict[str, Any]) -> dict[str, Any]:
    """Refuse what Python reads but no other reader of JSON takes, and what is nested without end.

    NaN and infinities are no numbers there, half a surrogate pair is no character, and no text of
    a database holds a NUL.
    """
    level: list[Any] = [document]
    for _ in range(_DEEPEST):
        level = [item for parent in level for item in _members(parent)]
        if not level:
            break
    else:
        raise ValueError(f"is nested more than {_DEEPEST} levels deep")
    try:
        text = json.dumps(document, allow_nan=False, ensure_ascii=False)
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("contains half a character (an unpaired surrogate)") from None
    if "\\u0000" in text.replace("\\\\", ""):
        raise ValueError("contains a NUL character")
    return document


def _small_document(document: dict[str, Any]) -> dict[str, Any]:
    """Refuse what is no parameter any more but data: it would travel with every tree."""
    size = len(json.dumps(document, ensure_ascii=False).encode())
    if size > _LARGEST_PARAMETER:
        raise ValueError(f"has {size} bytes as JSON; at most {_LARGEST_PARAMETER} are taken")
    return document


def _members(item: Any) -> Iterable[Any]:
    if isinstance(item, dict):
        return item.values()
    return item if isinstance(item, list) else ()


WithoutNul = AfterValidator(_without_nul)
Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), WithoutNul
]
ShortText = Annotated[str, StringConstraints(max_length=200), WithoutNul]
Text = Annotated[str, StringConstraints(max_length=10_000), WithoutNul]
JSONObject = Annotated[dict[str, Any], AfterValidator(_json_document)]
Parameter = Annotated[JSONObject, AfterValidator(_small_document)]
"""What a job is to know: small, because it is shown with every exam."""
Percent = Annotated[int, Field(ge=0, le=100, description="Percent, 0 to 100")]


class WireModel(BaseModel):
    """A document on the wire. Unknown fields are ignored, as ScanHub's clients expect."""

    model_config = ConfigDict(extra="ignore", from_attributes=True, allow_inf_nan=False)


class XYZ(WireModel):
    """Three numbers along the axes of the scanner."""

    x: float
    y: float
    z: float
