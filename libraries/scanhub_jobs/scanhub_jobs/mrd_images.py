"""Images of the MRD streaming protocol, and where they lie in the patient.

Source: ISMRMRD 1, image header (https://ismrmrd.readthedocs.io, section *Image data*).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scanhub_jobs.errors import JobInputError
from scanhub_jobs.geometry import Plane, checked_directions, for_display
from scanhub_jobs.mrd_header import Header
from scanhub_jobs.slices import ImageSlice, Reconstruction

IMAGE_HEAD: Final = np.dtype(
    [
        ("version", "<u2"),
        ("data_type", "<u2"),
        ("flags", "<u8"),
        ("measurement_uid", "<u4"),
        ("matrix_size", "<u2", 3),
        ("field_of_view", "<f4", 3),
        ("channels", "<u2"),
        ("position", "<f4", 3),
        ("read_dir", "<f4", 3),
        ("phase_dir", "<f4", 3),
        ("slice_dir", "<f4", 3),
        ("patient_table_position", "<f4", 3),
        ("average", "<u2"),
        ("slice", "<u2"),
        ("contrast", "<u2"),
        ("phase", "<u2"),
        ("repetition", "<u2"),
        ("set", "<u2"),
        ("acquisition_time_stamp", "<u4"),
        ("physiology_time_stamp", "<u4", 3),
        ("image_type", "<u2"),
        ("image_index", "<u2"),
        ("image_series_index", "<u2"),
        ("user_int", "<i4", 8),
        ("user_float", "<f4", 8),
        ("attribute_string_len", "<u4"),
    ]
)
"""The image header of ISMRMRD 1, 198 bytes."""
PIXELS: Final[dict[int, np.dtype[Any]]] = {
    1: np.dtype("<u2"),
    2: np.dtype("<i2"),
    3: np.dtype("<u4"),
    4: np.dtype("<i4"),
    5: np.dtype("<f4"),
    6: np.dtype("<f8"),
    7: np.dtype("<c8"),
    8: np.dtype("<c16"),
}
"""Type of a pixel by `data_type`."""


class ImageType(IntEnum):
    """What the pixels of an image are (ISMRMRD's `image_type`)."""

    UNKNOWN = 0
    MAGNITUDE = 1
    PHASE = 2
    REAL = 3
    IMAGINARY = 4
    COMPLEX = 5


@dataclass(frozen=True)
class StreamedImage:
    """An image as it came."""

    head: NDArray[Any]
    """One element of `IMAGE_HEAD`."""
    pixels: NDArray[Any]
    """[channel, z, y, x]."""


@dataclass(frozen=True)
class ImageSeries:
    """Images that belong together: of one `image_series_index` and kind."""

    kind: ImageType
    reconstruction: Reconstruction


def image_bytes(head: Any) -> int:
    """Return how many bytes of pixels follow a header.

    Raises:
        JobInputError: Its type of pixels is none, or there are none.
    """
    pixel = PIXELS.get(int(head["data_type"]))
    if pixel is None:
        raise JobInputError(f"The server sent an image of the unknown type {head['data_type']}.")
    count = int(np.prod(head["matrix_size"].astype(np.int64)) * int(head["channels"]))
    if count == 0:
        raise JobInputError("The server sent an image without pixels.")
    return count * pixel.itemsize


def image_of(head: Any, data: bytes) -> StreamedImage:
    """Return an image from its header and its bytes."""
    x, y, z = (int(size) for size in head["matrix_size"])
    flat = np.frombuffer(data, PIXELS[int(head["data_type"])])
    return StreamedImage(head, flat.reshape(int(head["channels"]), z, y, x))


def series_of(images: Iterable[StreamedImage], header: Header) -> list[ImageSeries]:
    """Sort images into series, in the order of their index and kind.

    Raises:
        JobInputError: There is none, or one says nothing of its place.
    """
    sorted_: dict[tuple[int, ImageType], list[ImageSlice]] = {}
    warnings: list[str] = []
    for image in images:
        kind, pixels = _combined(image, warnings)
        key = int(image.head["image_series_index"]), kind
        sorted_.setdefault(key, []).extend(_slices(image.head, pixels))
    if not sorted_:
        raise JobInputError("The server ended the session without any image.")
    return [
        ImageSeries(kind, _reconstruction(slices, header, sorted(set(warnings))))
        for (_, kind), slices in sorted(sorted_.items(), key=lambda item: item[0])
    ]


def _combined(image: StreamedImage, warnings: list[str]) -> tuple[ImageType, NDArray[np.float32]]:
    """Return what is shown of an image, [z, y, x]: one channel, no complex numbers."""
    stated = int(image.head["image_type"])
    kind = ImageType(stated) if stated in set(ImageType) else ImageType.UNKNOWN
    pixels = image.pixels
    if np.iscomplexobj(pixels):
        pixels, kind = np.abs(pixels), ImageType.MAGNITUDE
    if len(pixels) > 1:
        warnings.append(
            "The server sent an image for each coil; the root of their squares is shown."
        )
        pixels = np.sqrt((pixels.astype(np.float64) ** 2).sum(axis=0, keepdims=True))
    if not np.isfinite(pixels).all():
        raise JobInputError("The server sent pixels that are no numbers (NaN or infinite).")
    return kind, pixels[0].astype(np.float32)


def _slices(head: Any, pixels: NDArray[np.float32]) -> list[ImageSlice]:
    """Place the slices of an image: `position` is its middle, the pixel of half of each size."""
    read, phase, normal = checked_directions(head["read_dir"], head["phase_dir"], head["slice_dir"])
    field = head["field_of_view"].astype(np.float64)
    if not (np.isfinite(field).all() and (field > 0).all()):
        raise JobInputError("The server sent an image without a field of view.")
    counts = head["matrix_size"].astype(np.int64)
    voxel = field / counts
    middle = head["position"].astype(np.float64)
    corner = middle - read * voxel[0] * (counts[0] // 2) - phase * voxel[1] * (counts[1] // 2)
    made = []
    for index, image in enumerate(pixels):
        origin = corner + normal * voxel[2] * (index - int(counts[2]) // 2)
        plane = Plane(origin, read, phase, voxel[0], voxel[1], voxel[2])
        shown, turned = for_display(image, plane)
        names = ("contrast", "repetition", "phase", "set")
        made.append(ImageSlice(shown, turned, **{name: int(head[name]) for name in names}))
    return made


def _reconstruction(
    slices: list[ImageSlice], header: Header, warnings: list[str]
) -> Reconstruction:
    slices.sort(key=lambda s: (s.contrast, s.repetition, s.phase, s.set, round(s.plane.depth, 3)))
    depths = np.unique(np.round([s.plane.depth for s in slices], 3))
    gaps = np.diff(depths)
    spacing = float(np.median(gaps)) if gaps.size else slices[0].plane.thickness
    three_dimensional = header.encoded.matrix[2] > 1
    return Reconstruction(slices, header, three_dimensional, spacing, warnings)
