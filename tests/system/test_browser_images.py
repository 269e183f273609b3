"""Images in a real browser: uploaded, found, looked at, sent by hand; a case that fails."""

import io
import sys
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.async_api import Page, expect
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

sys.path.insert(0, str(Path(__file__).parent))

from browser import assert_accessible, log_in, opened_page
from conftest import Installation, Scene
from test_browser import until_lit

pytestmark = [
    pytest.mark.system,
    pytest.mark.browser,
    pytest.mark.timeout(180),
]
ROOT_UID = "1.2.826.0.1.3680043.8.498.77"
NOWHERE = "teaching-archive"


def an_image(number: int) -> bytes:
    """Return a small MR image of a disc as a file."""
    image = Dataset()
    image.SOPClassUID, image.SOPInstanceUID = MRImageStorage, f"{ROOT_UID}.2.{number}"
    image.StudyInstanceUID, image.SeriesInstanceUID = f"{ROOT_UID}.1", f"{ROOT_UID}.2"
    image.PatientName, image.PatientID, image.Modality = "Curie^Marie", "C-1867", "MR"
    image.StudyDate, image.StudyDescription = "20260102", "Head"
    image.SeriesNumber, image.SeriesDescription, image.InstanceNumber = 1, "T1 sagittal", number
    image.Rows = image.Columns = 32
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated = image.BitsStored = 16
    image.HighBit, image.PixelRepresentation = 15, 0
    rows, columns = np.mgrid[:32, :32]
    disc = 1000 * (np.hypot(rows - 16, columns - 16) < 12)
    image.add_new("PixelData", "OW", disc.astype("<u2").tobytes())
    image.file_meta = FileMetaDataset()
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = io.BytesIO()
    image.save_as(file, enforce_file_format=True)
    return file.getvalue()


def an_archive() -> dict[str, Any]:
    """Return a zip archive with two images and something else, as a page takes it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("DICOM/A/IM1", an_image(1))
        archive.writestr("DICOM/A/IM2", an_image(2))
        archive.writestr("DICOM/README", "not an image")
    return {"name": "study.zip", "mimeType": "application/zip", "buffer": file.getvalue()}


@pytest.fixture
async def installation(tmp_path: Path) -> AsyncIterator[Installation]:
    """A server on which a series is complete soon, and sending is tried once."""
    quick = {
        "SCANHUB_WORKFLOW_SERIES_QUIET_S": "0.5",
        "SCANHUB_WORKFLOW_DISPATCH_BACKOFF_S": "[]",
    }
    installation = Installation(tmp_path, environment=quick)
    try:
        await installation.start()
        yield installation
    finally:
        await installation.end()


@pytest.fixture
async def page(installation: Installation) -> AsyncIterator[Page]:
    async with opened_page(installation.url) as page:
        yield page


async def configure(scene: Scene, path: str, **document: object) -> None:
    await scene.api.call("POST", f"/workflowmanager/{path}", json=document)


async def upload(page: Page) -> None:
    await page.get_by_label("Files", exact=True).set_input_files([an_archive()])


@pytest.mark.long
async def test_an_archive_is_uploaded_looked_at_and_sent_by_hand(page, scene):
    await configure(scene, "targets", name="PACS", target_type="dummy")
    await log_in(page, "/upload")
    await upload(page)
    await page.get_by_test_id("table-row").filter(has_text="Done").click()
    detail = page.get_by_role("complementary", name="Import")
    await expect(detail).to_contain_text("2 stored, 1 no image")
    await expect(detail).to_contain_text("study.zip/DICOM/README")
    await assert_accessible(page)
    await page.get_by_role("link", name="Archive").click()
    await page.get_by_label("Find by name").fill("curie")
    await page.get_by_test_id("table-row").filter(has_text="CURIE, Marie").click()
    await expect(page.get_by_test_id("slice")).to_have_text("Slice 2/2", timeout=30_000)
    await until_lit(page)
    await expect(page.get_by_role("button", name="Send series")).to_be_visible(timeout=15_000)
    await assert_accessible(page)
    await page.get_by_role("button", name="Send study").click()
    dialog = page.get_by_role("dialog", name="Send the study")
    await dialog.get_by_role("combobox", name="Target").click()
    await page.get_by_role("option", name="PACS").click()
    await dialog.get_by_role("button", name="Send", exact=True).click()
    sending = page.get_by_role("complementary", name="Sending")
    await expect(sending).to_contain_text("2 of 2 images", timeout=15_000)
    await expect(sending).to_contain_text("none: sent by hand")


def another_image(number: int) -> dict[str, Any]:
    """Return another image under the UID of one, as a page takes it."""
    image = dcmread(io.BytesIO(an_image(number)))
    image.SeriesDescription = "T2 sagittal"
    file = io.BytesIO()
    image.save_as(file, enforce_file_format=True)
    return {"name": "another.dcm", "mimeType": "application/dicom", "buffer": file.getvalue()}


@pytest.mark.long
async def test_a_second_object_of_a_uid_is_kept_aside_and_can_be_fetched(page, scene):
    await log_in(page, "/upload")
    rows = page.get_by_test_id("table-row")
    for count, file in enumerate((an_archive(), another_image(1)), 1):
        await page.get_by_label("Files", exact=True).set_input_files([file])
        await expect(rows.filter(has_text="Done")).to_have_count(count, timeout=15_000)
    await rows.first.click()
    detail = page.get_by_role("complementary", name="Import")
    await expect(detail).to_contain_text("1 kept aside")
    await detail.get_by_role("button", name="Close").click()
    await expect(detail).to_be_hidden()
    await page.get_by_role("link", name="Archive").click()
    await page.get_by_role("button", name="Kept aside").click()
    await expect(rows).to_contain_text(["Second object of a UID"])
    await assert_accessible(page)
    async with page.expect_download() as download:
        await rows.get_by_role("link", name="Download").click()
    kept = dcmread(await (await download.value).path())
    assert kept.SeriesDescription == "T2 sagittal"
    await rows.get_by_role("button", name="Take in").click()
    await expect(page.get_by_role("alert")).to_contain_text("Another object is in the archive")


def several_frames() -> dict[str, Any]:
    """Return an image of three frames, dark but for the middle one, as a page takes it."""
    image = dcmread(io.BytesIO(an_image(3)))
    disc = np.frombuffer(image.PixelData, "<u2")
    image.NumberOfFrames = 3
    image.PixelData = np.concatenate([0 * disc, disc, 0 * disc]).tobytes()
    file = io.BytesIO()
    image.save_as(file, enforce_file_format=True)
    return {"name": "cine.dcm", "mimeType": "application/dicom", "buffer": file.getvalue()}


@pytest.mark.long
async def test_frames_come_one_by_one_and_images_over_dicomweb(page, scene):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.partition("/instances/")[2]))
    await log_in(page, "/upload")
    await page.get_by_label("Files", exact=True).set_input_files([several_frames()])
    await page.get_by_test_id("table-row").filter(has_text="Done").click()
    await page.get_by_role("link", name="Archive").click()
    await page.get_by_test_id("table-row").filter(has_text="CURIE, Marie").click()
    await expect(page.get_by_test_id("slice")).to_have_text("Slice 2/3", timeout=30_000)
    await until_lit(page)
    await expect(page.get_by_test_id("viewer-overlay")).to_be_visible()
    instance = f"{ROOT_UID}.2.3"
    assert f"{instance}/metadata" in asked
    assert f"{instance}/frames/2" in asked
    assert instance not in asked  # the whole file
    assert not [one for one in asked if one.endswith("/file")]


@pytest.mark.long
async def test_a_case_that_failed_says_why_and_goes_elsewhere_when_nothing_is_paused(page, scene):
    await configure(scene, "targets", name="PACS", target_type="dummy")
    nowhere = {"ip": "127.0.0.1", "port": 9, "aet_target": "PEER"}
    await configure(scene, "targets", name=NOWHERE, **nowhere)
    await configure(
        scene, "rules", name="teaching", rule="'T1' in tags.SeriesDescription", target=[NOWHERE]
    )
    await configure(scene, "rules", name="never", rule="tags.Modality == 'CT'", target=["PACS"])
    await log_in(page, "/upload")
    await upload(page)
    await page.get_by_role("link", name="Cases").click()
    row = page.get_by_test_id("table-row").filter(has_text="CURIE, Marie")
    await expect(row).to_contain_text("Failed", timeout=30_000)
    await row.click()
    case = page.get_by_role("complementary", name="Case")
    await expect(case).to_contain_text("refuses connections")
    rules = case.get_by_role("list", name="Rules").get_by_role("listitem")
    await expect(rules.filter(has_text="teaching")).to_contain_text("Fired")
    await expect(rules.filter(has_text="never")).to_contain_text("Did not fire")
    await expect(rules.filter(has_text="never")).to_contain_text("Modality")
    await assert_accessible(page)
    await pause_all(page)
    await page.get_by_role("link", name="Cases").click()
    await row.click()
    await case.get_by_role("button", name="Change target").click()
    dialog = page.get_by_role("dialog", name="Change the target")
    await dialog.get_by_role("combobox", name="New target").click()
    await page.get_by_role("option", name="PACS").click()
    await dialog.get_by_role("button", name="Change the target").click()
    await expect(case).to_contain_text("Paused by technician", timeout=15_000)
    await page.get_by_role("button", name="Go on with all targets").click()
    await expect(row).to_contain_text("Done", timeout=15_000)
    await expect(page.get_by_label("Paused")).to_be_hidden()


async def pause_all(page: Page) -> None:
    await page.get_by_role("link", name="Queue").click()
    await page.get_by_role("button", name="Pause sending").click()
    dialog = page.get_by_role("dialog", name="Pause sending")
    await dialog.get_by_label("Why").fill("service until noon")
    await dialog.get_by_role("button", name="Pause", exact=True).click()
    banner = page.get_by_label("Paused", exact=True)
    await expect(banner).to_contain_text("Sending to all targets is paused by technician")
    await expect(banner).to_contain_text("service until noon")
    await assert_accessible(page)
