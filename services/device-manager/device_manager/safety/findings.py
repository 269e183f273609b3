"""Reasons in the words of the technician: what, value, limit, unit, and what to do."""

from collections.abc import Iterator
from dataclasses import dataclass

from device_manager.safety.standard import TICK_S, exceeds
from scanhub_libraries.models import SafetyReason, SafetySeverity

_PREFIXES = ((1e-3, 1e6, "us"), (1.0, 1e3, "ms"))


@dataclass(frozen=True, slots=True)
class Check:
    """One value that is held against one limit."""

    code: str
    quantity: str
    what: str
    """Begins the sentence, in the singular."""
    unit: str
    advice: str
    standard: str | None = None


def shown(value: float, unit: str) -> str:
    """Return a value as a person reads it."""
    if unit == "s":
        for below, factor, small in _PREFIXES:
            if abs(value) < below:
                return f"{value * factor:.4g} {small}"
    return f"{value:.4g} {unit}"


def at_most(check: Check, value: float | None, limit: float | None) -> Iterator[SafetyReason]:
    """Yield the reason against a value that is too large, or that nobody knows."""
    if limit is None:
        return
    if value is None:
        yield unknown(check, limit)
    elif exceeds(value, limit):
        yield _refused(check, value, limit, "at most")


def at_least(check: Check, value: float | None, limit: float | None) -> Iterator[SafetyReason]:
    """Yield the reason against a time that is too short, or that nobody knows."""
    if limit is None:
        return
    if value is None:
        yield unknown(check, limit)
    elif value < limit - TICK_S:
        yield _refused(check, value, limit, "at least")


def _refused(check: Check, value: float, limit: float, bound: str) -> SafetyReason:
    unit = check.unit
    return SafetyReason(
        code=check.code,
        severity=SafetySeverity.REFUSE,
        text=f"{check.what} is {shown(value, unit)}; the device takes {bound} "
        f"{shown(limit, unit)}. {check.advice}",
        quantity=check.quantity,
        value=value,
        limit=limit,
        unit=unit,
        standard=check.standard,
    )


def unknown(check: Check, limit: float) -> SafetyReason:
    """Return the reason that a limit is told, and the value is not: a person has to decide."""
    return SafetyReason(
        code=f"unknown-{check.code}",
        severity=SafetySeverity.CONFIRM,
        text=f"{check.what} is not known of this sequence, and the limit is "
        f"{shown(limit, check.unit)}. Upload the sequence again so that it is analysed, or let "
        "a named person confirm the scan.",
        quantity=check.quantity,
        limit=limit,
        unit=check.unit,
        standard=check.standard,
    )


def note(code: str, text: str, **fields: object) -> SafetyReason:
    """Return something that was not or could not be checked."""
    return SafetyReason.model_validate(
        {"code": code, "severity": SafetySeverity.NOTE, "text": text, **fields}
    )
