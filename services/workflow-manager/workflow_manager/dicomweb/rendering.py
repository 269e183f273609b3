"""Images to look at, of frames (PS3.18 section 10.4.1.1.4). Blocking: called in threads."""

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut, apply_rescale

from scanhub_libraries.errors import BadRequestError
from workflow_manager.dicomweb.pixels import Pixels, decoded_frame
from workflow_manager.dicomweb.rules import PNG

_LARGEST_SIDE = 8192
_THUMBNAIL = 128
_FUNCTIONS = ("linear", "linear-exact", "sigmoid")
_COLOR = 3
_BEST_QUALITY = 100
Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class View:
    """How an image shall look."""

    window: tuple[float, float, str] | None = None
    """Centre, width and function (PS3.3 section C.11.2.1.2)."""
    viewport: tuple[int, int] | None = None
    """Most columns and rows [pixel]."""
    quality: int = 90
    """Of JPEG, 1 to 100."""


def view_of(parameters: Mapping[str, str], *, thumbnail: bool = False) -> View:
    """Read the parameters of a rendered resource.

    Raises:
        BadRequestError: One cannot be read.
    """
    quality = _numbers(parameters, "quality", 1) or [90.0]
    if not 1 <= quality[0] <= _BEST_QUALITY:
        raise BadRequestError("quality is from 1 to 100.", field="quality")
    viewport = _viewport(parameters)
    if thumbnail and viewport is None:
        viewport = (_THUMBNAIL, _THUMBNAIL)
    return View(_window(parameters), viewport, int(quality[0]))


def _numbers(parameters: Mapping[str, str], name: str, count: int) -> list[float]:
    if name not in parameters:
        return []
    try:
        found = [float(part) for part in parameters[name].split(",")[:count]]
    except ValueError:
        found = []
    if len(found) < count or not all(np.isfinite(found)):
        raise BadRequestError(f"{name} takes {count} numbers, with commas.", field=name)
    return found


def _viewport(parameters: Mapping[str, str]) -> tuple[int, int] | None:
    found = _numbers(parameters, "viewport", 2)
    if not found:
        return None
    if parameters["viewport"].count(",") > 1:
        raise BadRequestError("viewport=WIDTH,HEIGHT; a part of an image cannot be cut out.")
    if not all(1 <= side <= _LARGEST_SIDE for side in found):
        raise BadRequestError(f"A viewport has 1 to {_LARGEST_SIDE} pixels.", field="viewport")
    return int(found[0]), int(found[1])


def _window(parameters: Mapping[str, str]) -> tuple[float, float, str] | None:
    found = _numbers(parameters, "window", 2)
    if not found:
        return None
    function = [*parameters["window"].split(","), "linear"][2].strip().lower()
    if found[1] <= 0 or function not in _FUNCTIONS:
        raise BadRequestError(
            f"window=CENTER,WIDTH,FUNCTION with a width above 0 and one of {_FUNCTIONS}.",
            field="window",
        )
    return found[0], found[1], function


def render(pixels: Pixels, frame: int, view: View, media_type: str) -> bytes:
    """Return a frame as JPEG or PNG.

    Raises:
        NotAcceptableError: It cannot be decoded.
    """
    header = pixels.header
    array = decoded_frame(pixels, frame, raw=False)
    if header.get("PhotometricInterpretation") == "PALETTE COLOR":
        array = apply_color_lut(array, header)
    in_color = array.ndim == _COLOR
    image = Image.fromarray(
        _to_bytes(array, header) if in_color else _windowed(array, header, view)
    )
    if view.viewport is not None:
        image.thumbnail(view.viewport)
    target = BytesIO()
    if media_type == PNG:
        image.save(target, "PNG")
    else:
        image.save(target, "JPEG", quality=view.quality)
    return target.getvalue()


def _to_bytes(array: Array, header: Dataset) -> Array:
    if array.dtype == np.uint8:
        return array
    bits = 16 if header.get("PhotometricInterpretation") == "PALETTE COLOR" else _bits(header)
    return (array.astype(np.uint32) >> max(0, bits - 8)).astype(np.uint8)


def _bits(header: Dataset) -> int:
    return int(header.get("BitsStored") or 8)


def _windowed(array: Array, header: Dataset, view: View) -> Array:
    values = np.asarray(apply_rescale(array, header), dtype=np.float32)
    center, width, function = view.window or _own_window(header) or _range_of(values)
    shades = _shades(values, center, width, function)
    if header.get("PhotometricInterpretation") == "MONOCHROME1":
        shades = 1 - shades
    return np.asarray(np.rint(np.clip(shades, 0, 1) * 255), dtype=np.uint8)


def _shades(values: Array, center: float, width: float, function: str) -> Array:
    """Return shades from 0 to 1 (PS3.3 sections C.11.2.1.2.1 and C.11.2.1.3)."""
    if function == "sigmoid":
        exponent = np.clip(-4 * (values - center) / width, -80, 80)
        return np.asarray(1 / (1 + np.exp(exponent)))
    if function == "linear-exact" or width <= 1:
        return (values - center) / width + 0.5
    return (values - (center - 0.5)) / (width - 1) + 0.5


def _own_window(header: Dataset) -> tuple[float, float, str] | None:
    try:
        center, width = (_first(header[name].value) for name in ("WindowCenter", "WindowWidth"))
    except (KeyError, TypeError, ValueError, IndexError):
        return None
    function = str(header.get("VOILUTFunction") or "LINEAR").lower().replace("_", "-")
    known = function if function in _FUNCTIONS else "linear"
    return (center, width, known) if width > 0 else None


def _first(value: Any) -> float:
    return float(value if isinstance(value, int | float | str) else value[0])


def _range_of(values: Array) -> tuple[float, float, str]:
    """Return a window that shows all but the brightest and darkest half percent."""
    low, high = (float(edge) for edge in np.percentile(values, (0.5, 99.5)))
    return (low + high) / 2, max(high - low, 1e-6), "linear-exact"
