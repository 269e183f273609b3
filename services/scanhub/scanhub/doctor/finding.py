"""What the doctor finds."""

from typing import Literal

from pydantic import BaseModel

State = Literal["ok", "warning", "failed"]


class Finding(BaseModel):
    """One thing that was looked at."""

    name: str
    state: State
    detail: str
    """What was seen."""
    advice: str = ""
    """What to do; empty: nothing."""


def ok(name: str, detail: str) -> Finding:
    """Say that something is as it should be."""
    return Finding(name=name, state="ok", detail=detail)


def warning(name: str, detail: str, advice: str) -> Finding:
    """Say that something will go wrong some day."""
    return Finding(name=name, state="warning", detail=detail, advice=advice)


def failed(name: str, detail: str, advice: str) -> Finding:
    """Say that something does not work."""
    return Finding(name=name, state="failed", detail=detail, advice=advice)
