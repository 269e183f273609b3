"""DICOM objects that are more than an image: many frames in one file, and documents."""

import io
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.async_api import Page, expect
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import EncapsulatedPDFStorage, EnhancedMRImageStorage, ExplicitVRLittleEndian

sys.path.insert(0, str(Path(__file__).parent))

from browser import assert_accessible, log_in, opened_page
from conftest import Installation, Scene
from test_browser_images import ROOT_UID
from test_browser_viewers import BRIGHT, GREY, until_grey

from scanhub_jobs.making.pages import pdf_of_text

pytestmark = [
    pytest.mark.system,
    pytest.mark.browser,
    pytest.mark.long,
    pytest.mark.timeout(300),
]
ROWS, COLUMNS, SLICES, ECHOES = 24, 32, 10, 2
ROW_MM, COLUMN_MM, SLICE_MM = 3.0, 2.0, 5.0


@pytest.fixture
async def page(installation: Installation) -> AsyncIterator[Page]:
    async with opened_page(installation.url) as page:
        yield page


def as_file(dataset: Dataset, name: str) -> dict[str, Any]:
    """Return an object as a page takes it."""
    dataset.StudyInstanceUID, dataset.PatientName = f"{ROOT_UID}.1", "Curie^Marie"
    dataset.PatientID, dataset.StudyDate, dataset.StudyDescription = "C-1867", "20260102", "Head"
    dataset.SeriesNumber = dataset.InstanceNumber = 1
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return {"name": name, "mimeType": "application/dicom", "buffer": file.getvalue()}


def item(**elements: object) -> Dataset:
    """Return an item of a sequence."""
    made = Dataset()
    for name, value in elements.items():
        setattr(made, name, value)
    return made


def frame_of(slice_number: int, echo: int) -> Dataset:
    """Say where a frame lies, and what its stored values are: each echo has a slope of its own."""
    place = [SLICE_MM * slice_number - 20.0, -32.0, 60.0]
    content = item(DimensionIndexValues=[slice_number + 1, echo + 1])
    values = item(RescaleSlope=1.0 + echo, RescaleIntercept=0.0, RescaleType="US")
    return item(
        FrameContentSequence=[content],
        PlanePositionSequence=[item(ImagePositionPatient=place)],
        PixelValueTransformationSequence=[values],
        FrameVOILUTSequence=[item(WindowCenter=500.0, WindowWidth=1000.0)],
    )


def pixels_of(slice_number: int, echo: int) -> np.ndarray:
    """Return a sagittal slice of 300, and 1000 where the patient's left, front and head are.

    The second echo has the bright corner at the right instead.
    """
    values = np.full((ROWS, COLUMNS), 300)
    if (slice_number >= SLICES // 2) == (echo == 0):
        values[:15, :18] = 1000
    return (values / (1 + echo)).astype("<u2")


def an_enhanced_volume() -> Dataset:
    """Return sagittal slices of two echoes as one object, its frames in no order."""
    frames = [(n, echo) for n in range(SLICES) for echo in range(ECHOES)]
    frames = [*frames[1::3], *frames[0::3], *frames[2::3]]
    frames.sort(key=lambda frame: frame[1])  # of each place, the first echo comes first
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = EnhancedMRImageStorage, f"{ROOT_UID}.5.1"
    made.SeriesInstanceUID, made.FrameOfReferenceUID = f"{ROOT_UID}.5", f"{ROOT_UID}.9"
    made.Modality, made.SeriesDescription = "MR", "T2* echoes"
    made.Rows, made.Columns, made.NumberOfFrames = ROWS, COLUMNS, len(frames)
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated = made.BitsStored = 16
    made.HighBit, made.PixelRepresentation = 15, 0
    measures = item(PixelSpacing=[ROW_MM, COLUMN_MM], SliceThickness=SLICE_MM)
    plane = item(ImageOrientationPatient=[0, 1, 0, 0, 0, -1])
    made.SharedFunctionalGroupsSequence = [
        item(PixelMeasuresSequence=[measures], PlaneOrientationSequence=[plane])
    ]
    made.PerFrameFunctionalGroupsSequence = [frame_of(*frame) for frame in frames]
    made.add_new("PixelData", "OW", b"".join(pixels_of(*frame).tobytes() for frame in frames))
    return made


def a_report() -> Dataset:
    """Return a report as a modality or a job makes it."""
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = EncapsulatedPDFStorage, f"{ROOT_UID}.6.1"
    made.SeriesInstanceUID, made.Modality = f"{ROOT_UID}.6", "DOC"
    made.SeriesDescription, made.DocumentTitle = "Report", "Befund Schädel"
    made.SpecificCharacterSet = "ISO_IR 192"
    made.ContentDate, made.ContentTime = "20260102", "101500"
    concept = item(CodeValue="18748-4", CodingSchemeDesignator="LN")
    concept.CodeMeaning = "Diagnostic imaging study"
    made.ConceptNameCodeSequence = [concept]
    made.MIMETypeOfEncapsulatedDocument = "application/pdf"
    content = pdf_of_text("Nothing to be seen.", title="Befund")
    made.EncapsulatedDocumentLength = len(content)
    made.add_new("EncapsulatedDocument", "OB", content + b"\0" * (len(content) % 2))
    return made


async def uploaded(page: Page, dataset: Dataset) -> None:
    """Take an object in, and open its study in the archive."""
    await log_in(page, "/upload")
    await page.get_by_label("Files", exact=True).set_input_files([as_file(dataset, "one.dcm")])
    await expect(page.get_by_test_id("table-row").filter(has_text="Done")).to_be_visible()
    await page.get_by_role("link", name="Archive").click()
    await page.get_by_test_id("table-row").filter(has_text="CURIE, Marie").click()


async def test_frames_of_one_object_are_slices_where_each_of_them_says(page: Page, scene: Scene):
    await uploaded(page, an_enhanced_volume())
    await expect(page.get_by_test_id("slice")).to_have_text(f"Slice 11/{SLICES * ECHOES}")
    await expect(page.get_by_test_id("window-level")).to_have_text(re.compile("W (999|1000) L 500"))
    await page.get_by_role("button", name="Three planes").click()
    planes = page.get_by_test_id("planes")
    await expect(planes.locator("[data-ready]")).to_be_visible()
    axial, coronal, sagittal = (
        page.get_by_test_id(f"plane-{name}") for name in ("axial", "coronal", "sagittal")
    )
    for picture, below in ((axial, 0.7), (coronal, 0.8)):
        await until_grey(picture, 0.7, 0.35, BRIGHT)
        await until_grey(picture, 0.3, 0.35, GREY)  # the patient's right
        await until_grey(picture, 0.7, below, GREY)  # the back; the feet
    await until_grey(sagittal, 0.3, 0.3, GREY)
    await expect(planes).to_contain_text("10 mm")
    await page.get_by_role("combobox", name="Which volume").click()
    await page.get_by_role("option", name="Volume 2 of 2").click()
    await until_grey(axial, 0.3, 0.35, BRIGHT)
    await until_grey(axial, 0.7, 0.35, GREY)
    await until_grey(sagittal, 0.3, 0.3, BRIGHT)
    await assert_accessible(page)


async def test_a_report_is_read_in_the_archive_and_saved(page: Page, scene: Scene):
    await uploaded(page, a_report())
    document = page.get_by_test_id("document")
    await expect(document).to_contain_text("Befund Schädel")
    await expect(document).to_contain_text("Diagnostic imaging study · 2026-01-02 10:15")
    await expect(document.locator("iframe[src^='blob:']")).to_be_visible()
    await expect(page.get_by_role("navigation", name="Series")).to_contain_text(
        re.compile("DOC.*1 document")
    )
    await assert_accessible(page)
    async with page.expect_download() as downloading:
        await document.get_by_role("button", name="Download").click()
    saved = await downloading.value
    assert saved.suggested_filename == "Befund Schädel.pdf"
    assert (await saved.path()).read_bytes().startswith(b"%PDF-")
