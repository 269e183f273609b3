"""Documents and pictures as DICOM objects: Encapsulated PDF and Secondary Capture."""

import base64
import binascii
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import EncapsulatedPDFStorage, SecondaryCaptureImageStorage

from scanhub_jobs.errors import InvalidDocumentError, PixelValueError
from scanhub_jobs.extras import load
from scanhub_jobs.making.files import file_meta
from scanhub_jobs.making.head import (
    Described,
    Maker,
    code,
    new_series,
    on_head,
    reference,
    source_items,
)
from scanhub_jobs.making.pixels import put_pixels
from scanhub_jobs.making.text import fitted

_PDF_HEAD, _PDF_WITHIN = b"%PDF-", 1024
_RGB, _BYTE = 3, 255


def pdf_bytes(pdf: bytes | Path | str, *, encoded: bool = False) -> bytes:
    """Return a PDF.

    Args:
        pdf: The file, or what is in it.
        encoded: It is base64 text.

    Raises:
        InvalidDocumentError: It is no PDF.
    """
    if encoded:
        try:
            content = base64.b64decode(pdf if isinstance(pdf, bytes) else str(pdf), validate=True)
        except (binascii.Error, ValueError) as error:
            raise InvalidDocumentError(f"This is no base64 text: {error}.") from error
    else:
        content = pdf if isinstance(pdf, bytes) else Path(pdf).read_bytes()
    if _PDF_HEAD not in content[:_PDF_WITHIN]:
        raise InvalidDocumentError("This is no PDF: it does not begin with %PDF-.")
    return content


def encapsulated_pdf(
    content: bytes,
    like: Sequence[Dataset],
    maker: Maker,
    described: Described,
    *,
    title: str,
    concept: Dataset | None,
    burned_in: bool,
) -> Dataset:
    """Return a PDF as an Encapsulated PDF object (PS3.3 section A.45.1).

    Args:
        content: The PDF.
        like: Headers of what it is about.
        maker: Who makes it.
        described: What the series is.
        title: Of the document.
        concept: What kind of document it is, an item of a code sequence; none: not said.
        burned_in: Whether the patient can be named in it.
    """
    dataset = new_series(like[0], maker, described, "DOC")
    dataset.SOPClassUID = EncapsulatedPDFStorage
    dataset.SOPInstanceUID = maker.uid("instance", 1)
    dataset.InstanceNumber = 1
    dataset.ConversionType = "WSD"
    dataset.AcquisitionDateTime = None
    dataset.BurnedInAnnotation = "YES" if burned_in else "NO"
    dataset.DocumentTitle = fitted(title, 1024)
    dataset.ConceptNameCodeSequence = [] if concept is None else [concept]
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    dataset.SourceInstanceSequence = [
        reference(source) for source in like if "SOPInstanceUID" in source
    ]
    dataset.add_new("EncapsulatedDocument", "OB", content + b"\0" * (len(content) % 2))
    dataset.EncapsulatedDocumentLength = len(content)
    dataset.file_meta = file_meta(dataset)
    return dataset


def picture(image: Any) -> NDArray[np.uint8]:
    """Return a picture as [row, column] or [row, column, 3], 8 bits.

    Args:
        image: An array, a Pillow image, or the path of a picture.

    Raises:
        InvalidDocumentError: The file holds no picture.
        PixelValueError: The array is none.
    """
    if isinstance(image, str | Path):
        pillow = load("PIL.Image")
        try:
            with pillow.open(image) as opened:
                image = opened.convert("L" if opened.mode in {"1", "L"} else "RGB")
        except OSError as error:
            raise InvalidDocumentError(f"{Path(image).name} is no picture: {error}.") from error
    elif hasattr(image, "convert"):
        image = image.convert("L" if image.mode in {"1", "L"} else "RGB")
    array: NDArray[Any] = np.asarray(image)
    coloured = array.ndim == _RGB and array.shape[2] == _RGB
    if array.dtype != np.uint8 or not (array.ndim == 2 or coloured):  # noqa: PLR2004 - grey
        raise PixelValueError("A picture is 8 bits, grey [row, column] or RGB [row, column, 3].")
    return cast(NDArray[np.uint8], array)


def secondary_capture(
    pictures: Sequence[NDArray[np.uint8]],
    like: Sequence[Dataset],
    maker: Maker,
    described: Described,
    *,
    burned_in: bool,
) -> list[Dataset]:
    """Return pictures as Secondary Capture Images (PS3.3 section A.8.1); they have no place.

    Args:
        pictures: Grey or RGB.
        like: Headers of what they show.
        maker: Who makes them.
        described: What the series is.
        burned_in: Whether the patient can be named in them.
    """
    head = new_series(like[0], maker, described, "OT")
    head.SOPClassUID = SecondaryCaptureImageStorage
    head.ConversionType = "WSD"
    head.ImageType = ["DERIVED", "SECONDARY"]
    head.Laterality = head.PatientOrientation = None
    head.BurnedInAnnotation = "YES" if burned_in else "NO"
    head.DerivationDescription = fitted(maker.title, 1024)
    head.SourceImageSequence = source_items(like, preserved=False)
    found = []
    for number, array in enumerate(pictures, start=1):
        dataset = on_head(head)
        dataset.SOPInstanceUID = maker.uid("instance", number)
        dataset.InstanceNumber = number
        put_pixels(dataset, array if array.ndim == 2 else array[..., 0])  # noqa: PLR2004 - grey
        if array.ndim == _RGB:
            dataset.SamplesPerPixel, dataset.PlanarConfiguration = 3, 0
            dataset.PhotometricInterpretation = "RGB"
            content = np.ascontiguousarray(array).tobytes()
            dataset.add_new("PixelData", "OB", content + b"\0" * (len(content) % 2))
        dataset.file_meta = file_meta(dataset)
        found.append(dataset)
    return found


def grey_levels(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Return values as 8 bit greys, from the lowest percent to the highest."""
    real = values.astype(np.float64)
    low, high = np.percentile(real, (1.0, 99.5))
    if high <= low:
        low, high = float(real.min()), float(real.max())
    scaled = (real - low) / (high - low or 1.0) * _BYTE
    return cast(NDArray[np.uint8], np.clip(np.rint(scaled), 0, _BYTE).astype(np.uint8))


def code_item(concept: tuple[str, str, str] | Dataset | None) -> Dataset | None:
    """Return a code as an item of a code sequence."""
    return code(*concept) if isinstance(concept, tuple) else concept
