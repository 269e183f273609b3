"""The simulated magnet: what is out of adjustment in it, and what the scanner sets against it.

The field is (f0 + g r) with f0 the true resonance frequency and g a linear inhomogeneity; the
transmitter turns the magnetisation by `transmit` times the angle that it is told. The scanner
knows none of these. It has three parameters against them, by the names that calibrations write:

- `larmor_frequency` [Hz]: what transmitter and receiver are tuned to;
- `flip_angle_calibration`: factor on the amplitude of all RF pulses; right if it is 1/transmit;
- `shims` (x, y, z) [uT/m]: gradient that the shim coils add; right if it is -g.

What is wrong is seen: an offset of f moves a selected slice by f/G and turns the signal by
e^{-2 pi i f t}, a gradient g moves it in k-space by g t, and angles are wrong by their factor.
"""

from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from scanhub_device.errors import ScanError
from scanhub_device.simulator.phantom import Floats, Vector

FIELD_STRENGTH_T = 1.5
LARMOR_FREQUENCY_HZ = 63_869_000
HZ_PER_UT = 42.577478518
"""Of the proton, over 2 pi (CODATA 2018) [Hz/uT]."""
LARGEST_SHIM_UT_PER_M = 60.0
LARGEST_OFFSET_HZ = 5000.0
_SCALES = (0.2, 5.0)


@dataclass(frozen=True, slots=True)
class Adjustment:
    """How far the scanner is from the magnet with the parameters that it is set to."""

    offset_hz: float = 0.0
    """True resonance minus what the scanner is tuned to [Hz]."""
    gradient_hz_per_m: Vector = (0.0, 0.0, 0.0)
    """What is left of the inhomogeneity [Hz/m]."""
    transmit: float = 1.0
    """Angle that a pulse has over the angle that it should have."""


@dataclass(frozen=True, slots=True)
class Magnet:
    """What is true and hidden."""

    larmor_frequency_hz: float = LARMOR_FREQUENCY_HZ
    transmit: float = 1.0
    gradient_ut_per_m: Vector = (0.0, 0.0, 0.0)

    @classmethod
    def out_of_adjustment(cls, seed: int) -> "Magnet":
        """One that has drifted: the same seed gives the same magnet."""
        random = np.random.default_rng(seed)
        signs = random.choice([-1.0, 1.0], size=5)
        gradient = signs[:3] * random.uniform(8.0, 30.0, 3)
        return cls(
            LARMOR_FREQUENCY_HZ + float(signs[3] * random.uniform(200.0, 900.0)),
            float(1 + signs[4] * random.uniform(0.1, 0.25)),
            (float(gradient[0]), float(gradient[1]), float(gradient[2])),
        )

    def adjusted(self, parameter: dict[str, Any]) -> Adjustment:
        """Set the scanner to these parameters; one that is missing is as it comes.

        Raises:
            ScanError: a value makes no sense.
        """
        frequency = _number(parameter, "larmor_frequency", LARMOR_FREQUENCY_HZ)
        scale = _number(parameter, "flip_angle_calibration", 1.0)
        shims = _shims(parameter)
        offset = self.larmor_frequency_hz - frequency
        if abs(offset) > LARGEST_OFFSET_HZ:
            raise ScanError(
                f"larmor_frequency is {frequency:.0f} Hz, more than {LARGEST_OFFSET_HZ:.0f} Hz "
                "beside the resonance: there is no signal"
            )
        if not _SCALES[0] <= scale <= _SCALES[1]:
            raise ScanError(f"flip_angle_calibration must be from {_SCALES[0]} to {_SCALES[1]}")
        left = HZ_PER_UT * (np.array(self.gradient_ut_per_m) + shims)
        gradient = (float(left[0]), float(left[1]), float(left[2]))
        return Adjustment(offset, gradient, self.transmit * scale)


def _number(parameter: dict[str, Any], name: str, default: float) -> float:
    value = parameter.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ScanError(f"the parameter {name} is no number")
    return float(value)


def _shims(parameter: dict[str, Any]) -> Floats:
    values = parameter.get("shims", (0.0, 0.0, 0.0))
    if not isinstance(values, list | tuple) or len(values) != 3:  # noqa: PLR2004 - x, y, z
        raise ScanError("the parameter shims is not three numbers [uT/m], for x, y, z")
    shims = [_number({"shims": value}, "shims", 0.0) for value in values]
    if max(map(abs, shims)) > LARGEST_SHIM_UT_PER_M:
        raise ScanError(f"shims reach {LARGEST_SHIM_UT_PER_M:.0f} uT/m and no further")
    return np.array(shims)
