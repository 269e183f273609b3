"""Makes DICOM objects of what a job computed: `ctx.dicom`."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from scanhub_jobs.errors import GeometryError, ParameterError
from scanhub_jobs.extras import load
from scanhub_jobs.images.series import Images
from scanhub_jobs.making.ct import ct_images
from scanhub_jobs.making.derived import derived_series
from scanhub_jobs.making.documents import (
    code_item,
    encapsulated_pdf,
    grey_levels,
    pdf_bytes,
    picture,
    secondary_capture,
)
from scanhub_jobs.making.enhanced_mr import enhanced_mr_image
from scanhub_jobs.making.files import file_meta
from scanhub_jobs.making.grid import Grid, to_grid
from scanhub_jobs.making.head import Described, Maker, Order
from scanhub_jobs.making.highdicom_objects import (
    NO_UNITS,
    Segment,
    parametric_map,
    segmentation,
)
from scanhub_jobs.making.mr import mr_images
from scanhub_jobs.making.quantisation import finite
from scanhub_jobs.making.tag_policy import TagPolicy, complete, policy_of
from scanhub_jobs.making.volume import Voxels, voxels_of
from scanhub_jobs.uids import derived_uid

if TYPE_CHECKING:
    from scanhub_jobs.job_context import JobContext

Like = Images | Dataset | Sequence[Dataset]
Copy = TagPolicy | Iterable[str]
_THREE = 3


class Kind(StrEnum):
    """What voxels become."""

    MR = "mr"
    CT = "ct"
    ENHANCED_MR = "enhanced-mr"
    PARAMETRIC_MAP = "pm"
    SEGMENTATION = "seg"
    SECONDARY_CAPTURE = "sc"


class DicomMaker:
    """Makes DICOM objects in the study of what the job works on.

    UIDs and times follow from the session, the job and the order of the calls: a job that is tried
    again makes the same objects. Nothing is sent or kept by itself: `ctx.keep(...)`,
    `ctx.peers[...].send(...)`.
    """

    def __init__(self, context: "JobContext[Any]") -> None:
        self._context = context
        self._made = 0

    def from_nifti(
        self,
        image: Any,
        *,
        like: Like,
        kind: Kind | str = Kind.MR,
        description: str = "",
        number: int | None = None,
        fill: float | None = None,
        segments: Mapping[int, Segment | str] = MappingProxyType({}),
        unit: Code = NO_UNITS,
        same_frame: bool | None = None,
        copy: Copy = TagPolicy.NONE,
    ) -> list[Dataset]:
        """Return voxels as a new series in the study of the reference.

        Every voxel keeps its place in the patient, whatever the orientation; nothing is
        interpolated. Planes are turned as those of the reference.

        Args:
            image: A nibabel image, a NIfTI file, or a pair of array and affine (RAS, mm).
            like: The series that it was made of; it lends patient, study and frame of reference.
            kind: `mr`, `ct` (Hounsfield units) and `enhanced-mr` store 16 bits with slope and
                intercept, `pm` 32 bit floating point, `seg` a segment for each label, `sc` greys
                without a place.
            description: SeriesDescription.
            number: SeriesNumber; none: made of the reference's.
            fill: What NaN and infinite values become; none: they are an error.
            segments: Of `seg`: what the labels are, or their names.
            unit: Of `pm`: the unit of the values, in UCUM.
            same_frame: Its places are those of the reference's frame of reference; none: unless
                the image says that they are places in a template (Talairach, MNI).
            copy: What else is taken of the reference: a policy, or keywords. What is made of the
                voxels stays.

        Raises:
            GeometryError: DICOM cannot say where the voxels are.
            PixelValueError: The values cannot be stored.
        """
        voxels, wanted, maker = voxels_of(image), _kind(kind), self._maker()
        sources = headers_of(like)
        array, grid = to_grid(voxels.array, voxels.affine, sources[0])
        order = Order(
            like=sources,
            maker=maker,
            described=Described(description, number),
            frame_of_reference=_frame(voxels, sources[0], maker, same_frame),
            fill=fill,
            repetition_s=voxels.repetition_s,
        )
        made = _objects(wanted, array, grid, order, segments=segments, unit=unit)
        complete(made, sources, copy)
        return made

    def derive(
        self,
        datasets: Iterable[Dataset],
        *,
        like: Like,
        description: str = "",
        number: int | None = None,
        copy: Copy = TagPolicy.NONE,
    ) -> list[Dataset]:
        """Return copies of data sets as a new, derived series in the study of the reference.

        Patient and study are the reference's, UIDs are new, ImageType says DERIVED, the sources
        and the equipment are named. The data sets themselves stay as they are.

        Args:
            datasets: What the job made, with pixels.
            like: The series that it was made of.
            description: SeriesDescription.
            number: SeriesNumber; none: made of the reference's.
            copy: What else is taken of the reference, in place of what the data sets say: a
                policy, or keywords.

        Raises:
            ParameterError: `copy` names what DICOM does not have.
        """
        described = Described(description, number)
        return derived_series(
            list(datasets), headers_of(like), self._maker(), described, policy_of(copy)
        )

    def from_pdf(
        self,
        pdf: bytes | Path | str,
        *,
        like: Like,
        title: str = "",
        description: str = "",
        number: int | None = None,
        concept: tuple[str, str, str] | Dataset | None = None,
        burned_in: bool = True,
        base64: bool = False,
        copy: Copy = TagPolicy.NONE,
    ) -> Dataset:
        """Return a PDF as an object in the study of the reference.

        Args:
            pdf: The file, or what is in it.
            like: What it is about.
            title: Of the document.
            description: SeriesDescription; none: the title.
            number: SeriesNumber; none: made of the reference's.
            concept: What kind of document it is: code value, scheme, meaning.
            burned_in: Whether the patient can be named in it.
            base64: It is base64 text.
            copy: What else is taken of the reference: a policy, or keywords.

        Raises:
            InvalidDocumentError: It is no PDF.
        """
        sources = headers_of(like)
        made = encapsulated_pdf(
            pdf_bytes(pdf, encoded=base64),
            sources,
            self._maker(),
            Described(description or title, number),
            title=title,
            concept=code_item(concept),
            burned_in=burned_in,
        )
        complete([made], sources, copy)
        return made

    def from_text(
        self, text: str, *, like: Like, title: str = "", font: Path | None = None, **options: Any
    ) -> Dataset:
        """Return text as an Encapsulated PDF in the study of the reference.

        Args:
            text: Lines as they are; an empty line ends a paragraph.
            like: What it is about.
            title: Of the document; printed above the text.
            font: A TrueType font that has the characters; none: one for Latin scripts.
            **options: Those of `from_pdf`: description, number, concept, burned_in, copy.

        Raises:
            InvalidDocumentError: The font lacks characters of the text; they are named.
        """
        written = load("scanhub_jobs.making.pages", extra="reports")
        content = written.pdf_of_text(text, title=title, font=font)
        return self.from_pdf(content, like=like, title=title, **options)

    def from_markdown(
        self, text: str, *, like: Like, title: str = "", font: Path | None = None, **options: Any
    ) -> Dataset:
        """Return Markdown as an Encapsulated PDF in the study of the reference.

        Headings, paragraphs, emphasis, code, lists, quotes, rules and tables are set; images and
        HTML are not, they stand there as text.

        Args:
            text: CommonMark, with tables.
            like: What it is about.
            title: Of the document; printed above the text.
            font: A TrueType font that has the characters; none: one for Latin scripts.
            **options: Those of `from_pdf`: description, number, concept, burned_in, copy.

        Raises:
            InvalidDocumentError: The font lacks characters of the text; they are named.
        """
        written = load("scanhub_jobs.making.pages", extra="reports")
        content = written.pdf_of_markdown(text, title=title, font=font)
        return self.from_pdf(content, like=like, title=title, **options)

    def from_image(
        self,
        image: Any,
        *,
        like: Like,
        description: str = "",
        number: int | None = None,
        burned_in: bool = True,
        copy: Copy = TagPolicy.NONE,
    ) -> Dataset:
        """Return a picture as a Secondary Capture in the study of the reference.

        Args:
            image: An array of 8 bits, grey or RGB; a Pillow image; or a file.
            like: What it shows.
            description: SeriesDescription.
            number: SeriesNumber; none: made of the reference's.
            burned_in: Whether the patient can be named in it.
            copy: What else is taken of the reference: a policy, or keywords.

        Raises:
            InvalidDocumentError: The file holds no picture.
            PixelValueError: The array is none.
        """
        described = Described(description, number)
        pictures, sources = [picture(image)], headers_of(like)
        made = secondary_capture(pictures, sources, self._maker(), described, burned_in=burned_in)
        complete(made, sources, copy)
        return made[0]

    def _maker(self) -> Maker:
        self._made += 1
        job, session = self._context.job, self._context.session
        subject = self._context.subject
        return Maker(
            job=job.name,
            version=job.version,
            made_at=session.created_at,
            seed=derived_uid(session.id, job.name, subject.event, subject.key, self._made),
            ordinal=self._made,
        )


def headers_of(like: Like) -> list[Dataset]:
    """Return the headers of a reference, sorted by geometry where it is a series.

    Raises:
        ParameterError: It is empty.
    """
    if isinstance(like, Images):
        return [header for header, _ in like.sorted_instances()]
    found = [like] if isinstance(like, Dataset) else list(like)
    if not found:
        raise ParameterError("like= is empty: name the images that this was made of.")
    return found


def _kind(kind: Kind | str) -> Kind:
    try:
        return Kind(kind)
    except ValueError as error:
        known = ", ".join(Kind)
        raise ParameterError(f"kind={kind!r} is none of {known}.") from error


def _objects(
    kind: Kind,
    array: NDArray[Any],
    grid: Grid,
    order: Order,
    *,
    segments: Mapping[int, Segment | str],
    unit: Code,
) -> list[Dataset]:
    match kind:
        case Kind.MR:
            return mr_images(array, grid, order)
        case Kind.CT:
            return ct_images(array, grid, order)
        case Kind.ENHANCED_MR:
            return [enhanced_mr_image(array, grid, order)]
        case Kind.SECONDARY_CAPTURE:
            planes = _planes(grey_levels(finite(array, order.fill)))
            return secondary_capture(
                planes, order.like, order.maker, order.described, burned_in=False
            )
        case Kind.SEGMENTATION:
            named = {n: Segment(s) if isinstance(s, str) else s for n, s in segments.items()}
            return [_with_meta(segmentation(_one_volume(array), grid, order, named))]
        case Kind.PARAMETRIC_MAP:
            return [_with_meta(parametric_map(_one_volume(array), grid, order, unit))]


def _frame(voxels: Voxels, like: Dataset, maker: Maker, same_frame: bool | None) -> str:
    """Return the FrameOfReferenceUID: the reference's where places mean the same."""
    same = voxels.in_patient if same_frame is None else same_frame
    found = str(like.get("FrameOfReferenceUID") or "")
    return found if same and found else maker.uid("frame-of-reference")


def _planes(array: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    if array.ndim == _THREE:
        return list(array)
    return [array[k, :, :, t] for t in range(array.shape[3]) for k in range(len(array))]


def _one_volume(array: NDArray[Any]) -> NDArray[Any]:
    if array.ndim != _THREE:
        raise GeometryError(f"This kind holds one volume; the image has {array.shape[3]}.")
    return array


def _with_meta(dataset: Dataset) -> Dataset:
    dataset.file_meta = file_meta(dataset)
    return dataset
