"""The limits that hold for every scanner, with where they come from (docs/safety.md)."""

from enum import IntEnum
from math import isnan
from typing import Final

from scanhub_libraries.models import OperatingMode

SAR_CLAUSE: Final = "IEC 60601-2-33, 201.12.4.103 (limits for SAR, Table 201.105)"
PNS_CLAUSE: Final = "IEC 60601-2-33, 201.12.4.102 (limits for gradient output) and AA.21"
FIRST_LEVEL_CLAUSE: Final = "IEC 60601-2-33, 201.12.4.101 (operating modes)"
PULSEQ: Final = "Pulseq file format, timing"

NORMAL_SAR_W_PER_KG: Final = 2.0
FIRST_LEVEL_SAR_W_PER_KG: Final = 4.0
"""Whole body, averaged over any 6 min."""
SHORT_TERM_FACTOR: Final = 2.0
"""What the SAR of any 10 s may be of the limit for 6 min."""
NORMAL_PNS_PERCENT: Final = 80.0
FIRST_LEVEL_PNS_PERCENT: Final = 100.0
"""Of the mean threshold of peripheral nerve stimulation."""

ROUNDING: Final = 1e-6
"""Relative: what lies closer to a limit comes from the arithmetic."""
TICK_S: Final = 1e-9
"""Times that are closer are one."""
_LARGEST: Final = 1e12
"""Above any limit: devices and clients may tell numbers whose products are infinite."""


class Level(IntEnum):
    """Operating modes in order."""

    NORMAL = 0
    FIRST = 1
    BEYOND = 2

    @property
    def mode(self) -> OperatingMode:
        """Return the word of the wire."""
        return (OperatingMode.NORMAL, OperatingMode.FIRST_LEVEL, OperatingMode.BEYOND)[self]


def bounded(value: float) -> float:
    """Return a value that can be shown and stored: what is beyond everything stays beyond."""
    return _LARGEST if isnan(value) else min(value, _LARGEST)


def exceeds(value: float, limit: float) -> bool:
    """Say whether a value is above a limit by more than rounding."""
    return value > limit * (1 + ROUNDING)


def level_of(value: float, normal: float, first: float) -> Level:
    """Return the operating mode that a value needs."""
    if exceeds(value, first):
        return Level.BEYOND
    return Level.FIRST if exceeds(value, normal) else Level.NORMAL
