"""Values to the 16 bits of a pixel: without loss where that goes, else with the smallest step."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanhub_jobs.errors import PixelValueError
from scanhub_jobs.making.text import decimal

_MOST = 65535
_INT16, _UINT16 = np.iinfo(np.int16), np.iinfo(np.uint16)


@dataclass(frozen=True)
class Stored:
    """Pixels with what makes values of them: value = pixel * slope + intercept."""

    pixels: NDArray[Any]
    """uint16 or int16, little endian"""
    slope: str
    """RescaleSlope, DS"""
    intercept: str
    """RescaleIntercept, DS"""
    window: tuple[str, str]
    """WindowCenter and WindowWidth, of values, DS"""

    @property
    def signed(self) -> bool:
        """PixelRepresentation."""
        return bool(self.pixels.dtype.kind == "i")

    @property
    def rescaled(self) -> bool:
        """Pixels are not the values themselves."""
        return float(self.slope) != 1 or float(self.intercept) != 0


def finite(values: NDArray[Any], fill: float | None) -> NDArray[Any]:
    """Return real, finite values; what is not finite becomes `fill`.

    Raises:
        PixelValueError: There are such and there is no `fill`, or the values are no numbers.
    """
    if values.dtype.kind not in "biuf":
        raise PixelValueError(f"Values of type {values.dtype} cannot be stored: they are not real.")
    if values.dtype.kind != "f":
        return values
    odd = ~np.isfinite(values)
    count = int(odd.sum())
    if count == 0:
        return values
    if fill is None:
        raise PixelValueError(f"{count} values are NaN or infinite: say fill= what they become.")
    return np.where(odd, np.float64(fill), values)


def quantised(values: NDArray[Any], *, fill: float | None = None) -> Stored:
    """Store values in 16 bits.

    Whole numbers that fit, or fit when one number is taken from all, are stored without loss. All
    others are rounded to the nearest of 65536 equidistant values between the lowest and the
    highest: the error is half a step, `slope / 2`, at most.

    Args:
        values: Any real values.
        fill: What NaN and infinite values become.

    Raises:
        PixelValueError: The values cannot be stored.
    """
    values = finite(values, fill)
    low, high = float(values.min()), float(values.max())
    window = _window(values)
    whole = values.dtype.kind != "f" or bool((values == np.rint(values)).all())
    if whole and _INT16.min <= low and high <= _INT16.max and low < 0:
        return Stored(values.astype("<i2"), "1", "0", window)
    if whole and low >= 0 and high <= _UINT16.max:
        return Stored(values.astype("<u2"), "1", "0", window)
    if whole and high - low <= _MOST and float(decimal(low)) == low:
        shifted = (values.astype(np.float64) - low).astype("<u2")
        return Stored(shifted, "1", decimal(low), window)
    return _scaled(values.astype(np.float64), low, high, window)


def _scaled(
    values: NDArray[np.float64], low: float, high: float, window: tuple[str, str]
) -> Stored:
    """Use the step that is written, not the one that was meant: DS has 16 characters."""
    intercept = float(decimal(low))
    slope = float(decimal((high - intercept) / _MOST)) or 1.0
    more = 1e-9  # doubled: what is written may have too few digits to tell so small a difference
    while (high - intercept) / slope > _MOST + 0.5:
        slope, more = float(decimal(slope * (1 + more))), more * 2
    pixels = np.clip(np.rint((values - intercept) / slope), 0, _MOST).astype("<u2")
    return Stored(pixels, decimal(slope), decimal(intercept), window)


def _window(values: NDArray[Any]) -> tuple[str, str]:
    sample = values.ravel()[:: max(1, values.size // 65536)].astype(np.float64)
    low, high = np.percentile(sample, (1.0, 99.5))
    if high <= low:
        low, high = float(values.min()), float(values.max())
    width = float(high - low) or 1.0
    return decimal(float(f"{low + width / 2:.6g}")), decimal(float(f"{width:.6g}"))
