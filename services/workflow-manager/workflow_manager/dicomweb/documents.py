"""Documents in DICOM files (PS3.3 section C.24.2), to look at. Blocking: called in threads."""

from io import BytesIO
from pathlib import Path

import pydicom
from PIL import Image, ImageDraw, ImageFont
from pydicom.uid import EncapsulatedPDFStorage

from scanhub_libraries.errors import NotAcceptableError
from workflow_manager.dicomweb.rendering import View
from workflow_manager.dicomweb.rules import PNG
from workflow_manager.query.repository import StoredFile

_MARK, _WITHIN = b"%PDF-", 1024
"""A PDF has it so near its beginning (ISO 32000-1 annex H.3.4.1)."""
_TAGS = ("EncapsulatedDocument", "EncapsulatedDocumentLength")
_LARGEST_BYTES = 256 * 2**20
_SIDE, _FOLD, _INK, _PAPER, _BEHIND = 128, 24, 90, 245, 40


def is_pdf(file: StoredFile) -> bool:
    """Say whether an instance is a PDF document."""
    return file.sop_class_uid == EncapsulatedPDFStorage


def pdf_of(path: Path) -> bytes:
    """Return the document of an Encapsulated PDF.

    Raises:
        NotAcceptableError: It is none, or larger than what is read at once.
    """
    if path.stat().st_size > _LARGEST_BYTES:
        raise NotAcceptableError("The document is too large to be shown; retrieve the instance.")
    dataset = pydicom.dcmread(path, specific_tags=list(_TAGS))
    document = bytes(dataset.get("EncapsulatedDocument") or b"")
    length = dataset.get("EncapsulatedDocumentLength")
    if isinstance(length, int) and 0 < length <= len(document):
        document = document[:length]  # without the byte that makes its length even
    if _MARK not in document[:_WITHIN]:
        raise NotAcceptableError("The instance says that it holds a PDF document, and holds none.")
    return document


def page(view: View, media_type: str) -> bytes:
    """Return the picture of a page with PDF on it: a document has no image of its own."""
    image = Image.new("L", (_SIDE, _SIDE), _BEHIND)
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = 26, 10, _SIDE - 26, _SIDE - 10
    outline = [
        (left, top),
        (right - _FOLD, top),
        (right, top + _FOLD),
        (right, bottom),
        (left, bottom),
    ]
    draw.polygon(outline, fill=_PAPER)
    fold = [(right - _FOLD, top), (right - _FOLD, top + _FOLD), (right, top + _FOLD)]
    draw.polygon(fold, fill=_INK)
    middle = ((left + right) // 2, (top + bottom) // 2 + _FOLD // 4)
    draw.text(middle, "PDF", fill=_INK, anchor="mm", font=ImageFont.load_default(28))
    if view.viewport is not None:
        image.thumbnail(view.viewport)
    target = BytesIO()
    if media_type == PNG:
        image.save(target, "PNG")
    else:
        image.save(target, "JPEG", quality=view.quality)
    return target.getvalue()
