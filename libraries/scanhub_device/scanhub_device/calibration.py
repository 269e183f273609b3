"""A calibration, as the program of the scanner sees it."""

import threading
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from scanhub_device._work import Work

if TYPE_CHECKING:
    from scanhub_device.scan import Scan


class CalibrationKind(StrEnum):
    """What can be calibrated, by the names of the wire."""

    FREQUENCY = "frequency"
    FLIP_ANGLE = "flip-angle"
    SHIMS = "shims"


@dataclass(frozen=True, slots=True)
class CalibrationResult:
    """What a calibration has given.

    Attributes:
        values: what was measured, by the names of the parameters of the device.
        quality: how good it is: SNR [dB], line width [Hz], ...
    """

    values: dict[str, Any]
    quality: dict[str, Any] = field(default_factory=dict)


class Calibration(Work):
    """One calibration: what is asked for.

    Attributes:
        kind: one of CalibrationKind; a word that is not in it is of a newer server.
        parameter: the parameters of the device to begin from.
        scan: the scan that it is for; None when it was asked for by itself.
    """

    def __init__(
        self,
        kind: str,
        parameter: dict[str, Any],
        *,
        scan: "Scan | None" = None,
        stop_requested: threading.Event | None = None,
    ) -> None:
        super().__init__(stop_requested)
        self.kind = kind
        self.parameter = parameter
        self.scan = scan
