"""Texts and numbers as DICOM's value representations take them (PS3.5 section 6.2)."""

from collections.abc import Iterable

_DS_LENGTH = 16


def fitted(value: str, length: int) -> str:
    """Fit a text into LO or SH: no backslash, no control characters, cut to its length."""
    clean = "".join(c if c.isprintable() and c != "\\" else " " for c in value)
    return " ".join(clean.split())[:length].rstrip()


def decimal(value: float) -> str:
    """Write a decimal string (DS) of at most 16 characters, with as many digits as it can have.

    Raises:
        ValueError: No decimal string comes near the value.
    """
    for digits in range(17, 3, -1):
        text = f"{float(value) + 0.0:.{digits}g}"
        if len(text) <= _DS_LENGTH:
            return text
    raise ValueError(f"{value} does not fit a decimal string")


def decimals(values: Iterable[float]) -> list[str]:
    """Write several; what is nothing but rounding error is 0."""
    return [decimal(round(float(value), 12) + 0.0) for value in values]
