"""A folder of the server, a list of studies, a hold and a self-test, in a real browser."""

import asyncio
import io
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pydicom
import pytest
from playwright.async_api import Locator, Page, expect
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import (
    MRImageStorage,
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
)

sys.path.insert(0, str(Path(__file__).parent))

from browser import assert_accessible, log_in, opened_page
from conftest import Installation, Scene
from ports import a_port
from test_browser_images import ROOT_UID, an_image

pytestmark = [
    pytest.mark.system,
    pytest.mark.browser,
    pytest.mark.timeout(180),
]
ACCESSION = "ACC-1867"


@pytest.fixture
def dicom_port() -> int:
    return a_port()


@pytest.fixture
async def installation(tmp_path: Path, dicom_port: int) -> AsyncIterator[Installation]:
    """A server that listens to DICOM and has a folder with two images to import."""
    folder = tmp_path / "imports" / "2026" / "phantoms"
    folder.mkdir(parents=True)
    for number in (1, 2):
        image = pydicom.dcmread(io.BytesIO(an_image(number)))
        image.AccessionNumber = ACCESSION
        image.save_as(folder / f"{number}.dcm")
    environment = {
        "SCANHUB_WORKFLOW_SERIES_QUIET_S": "0.5",
        "SCANHUB_WORKFLOW_IMPORT_ROOT": str(tmp_path / "imports"),
        "SCANHUB_WORKFLOW_CLEAN_SENT_DAYS": "14",
    }
    installation = Installation(tmp_path, environment=environment)
    try:
        await installation.start("--dicom-port", str(dicom_port))
        yield installation
    finally:
        await installation.end()


@pytest.fixture
async def page(installation: Installation) -> AsyncIterator[Page]:
    async with opened_page(installation.url) as page:
        yield page


async def import_the_folder(page: Page) -> None:
    await log_in(page, "/archive")
    await page.get_by_role("link", name="Upload", exact=True).click()
    await page.get_by_role("button", name="Folders of the server").click()
    await page.get_by_role("button", name="2026").click()
    await page.get_by_role("button", name="phantoms").click()
    await expect(page.get_by_text("2 files.")).to_be_visible()
    await assert_accessible(page)
    await page.get_by_role("button", name="Import phantoms").click()
    detail = page.get_by_role("complementary", name="Import")
    await expect(detail).to_contain_text("2 stored", timeout=15_000)


def ask_to_keep(port: int) -> None:
    """Ask about an image that is there and one that is not, as a scanner does; wait to be told."""
    told = threading.Event()

    def take(_event: evt.Event) -> tuple[int, None]:
        told.set()
        return 0x0000, None

    node = AE("SCANNER")
    node.add_requested_context(StorageCommitmentPushModel)
    handlers = [(evt.EVT_N_EVENT_REPORT, take)]
    association = node.associate("127.0.0.1", port, ae_title="SCANHUB", evt_handlers=handlers)
    action = Dataset()
    action.TransactionUID = f"{ROOT_UID}.9"
    action.ReferencedSOPSequence = [Dataset(), Dataset()]
    for number, item in zip((1, 3), action.ReferencedSOPSequence, strict=True):
        item.ReferencedSOPClassUID = MRImageStorage
        item.ReferencedSOPInstanceUID = f"{ROOT_UID}.2.{number}"
    status, _ = association.send_n_action(
        action, 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
    )
    assert status.Status == 0x0000
    assert told.wait(30)
    association.release()


async def a_node_asks_what_is_kept(page: Page, dicom_port: int) -> None:
    await asyncio.to_thread(ask_to_keep, dicom_port)
    await page.get_by_role("link", name="Commitments").click()
    row = page.get_by_test_id("table-row").filter(has_text="SCANNER")
    await expect(row).to_contain_text("1 of 2 images kept", timeout=15_000)
    await row.click()
    detail = page.get_by_role("complementary", name="Storage commitment")
    await expect(detail.get_by_label("Not kept")).to_contain_text("not in the archive")
    await assert_accessible(page)


@pytest.mark.long
async def test_a_folder_is_imported_and_what_a_list_names_is_fetched(
    page: Page, scene: Scene, dicom_port: int
) -> None:
    await import_the_folder(page)
    await a_node_asks_what_is_kept(page, dicom_port)
    await page.get_by_role("link", name="Fetch").click()
    await expect(page.get_by_text("There is nothing to fetch from yet")).to_be_visible()
    # The server is a DICOM node like any other: it can be its own source.
    node = {"target_type": "dicom", "ip": "127.0.0.1", "port": dicom_port, "aet_target": "SCANHUB"}
    await scene.api.call(
        "POST", "/workflowmanager/targets", json={**node, "name": "PACS", "direction": "both"}
    )
    await page.get_by_role("button", name="Fetch studies").click()
    dialog = page.get_by_role("dialog", name="Fetch studies")
    await expect(dialog.get_by_role("combobox", name="From")).to_have_value("PACS")
    listed = f"Name;Accession\nA;{ACCESSION}\nB;NONE-1\nC;{ACCESSION}\n".encode()
    await dialog.get_by_label("File with accession numbers").set_input_files(
        {"name": "list.csv", "mimeType": "text/csv", "buffer": listed}
    )
    await expect(dialog.get_by_role("status")).to_have_text("2 of them")
    await dialog.get_by_role("button", name="Look what there is").click()
    found = dialog.get_by_label("What the source has").get_by_role("listitem")
    await expect(found.filter(has_text=ACCESSION)).to_contain_text("1 series, 2 images")
    await expect(found.filter(has_text="NONE-1")).to_contain_text("nothing")
    await assert_accessible(page)
    await dialog.get_by_role("button", name="Fetch 2 studies").click()
    detail = page.get_by_role("complementary", name="Retrieval")
    await expect(detail).to_contain_text("1 of 2 studies, 1 failed", timeout=30_000)
    studies = detail.get_by_label("Studies of the list").get_by_role("listitem")
    await expect(studies.filter(has_text=ACCESSION)).to_contain_text("1 series, 2 images")
    await expect(studies.filter(has_text="NONE-1")).to_contain_text("Failed")
    await assert_accessible(page)
    await detail.get_by_role("button", name="Fetch the one that did not come").click()
    await expect(studies.filter(has_text="NONE-1")).to_contain_text("attempt 2", timeout=30_000)
    await expect(detail).to_contain_text("1 of 2 studies, 1 failed", timeout=30_000)


async def remove_the_study(page: Page) -> Locator:
    """Ask for it as an administrator; return the dialog."""
    await page.get_by_role("button", name="Remove the study").click()
    dialog = page.get_by_role("dialog", name="Remove the study")
    await dialog.get_by_label("Type C-1867 to confirm").fill("C-1867")
    gone = dialog.get_by_role("button", name="Remove for good")
    await expect(gone).to_be_disabled()
    await dialog.get_by_role("combobox", name="Why").click()
    await page.get_by_role("option", name="Test images").click()
    await gone.click()
    return dialog


async def hold_the_study(page: Page) -> None:
    hold = page.get_by_label("Hold", exact=True)
    await hold.get_by_role("button", name="Hold the study").click()
    dialog = page.get_by_role("dialog", name="Hold the study")
    await dialog.get_by_label("Why").fill("wanted by the surgeon on Friday")
    await dialog.get_by_role("button", name="Hold it").click()
    await expect(hold).to_contain_text("Held by technician")


async def it_goes_now(page: Page) -> None:
    await page.get_by_role("link", name="Archive").click()
    await page.get_by_test_id("table-row").filter(has_text="CURIE, Marie").click()
    await remove_the_study(page)
    await expect(page.get_by_text("The archive is empty")).to_be_visible()
    await page.get_by_role("link", name="Health").click()
    await page.get_by_role("link", name="Cleaning").click()
    removed = page.get_by_role("list", name="Removed by hand").get_by_role("listitem")
    await expect(removed).to_contain_text("by technician Test images")


@pytest.mark.long
async def test_a_study_is_held_then_removed_and_a_self_test_takes_the_whole_way(
    page: Page, scene: Scene
) -> None:
    await import_the_folder(page)
    await page.get_by_role("link", name="Studies").click()
    await page.get_by_test_id("table-row").filter(has_text="CURIE, Marie").click()
    await hold_the_study(page)
    refused = await remove_the_study(page)
    await expect(refused.get_by_role("alert")).to_contain_text("held")
    await assert_accessible(page)
    await refused.get_by_role("button", name="Go back").click()
    await page.get_by_role("link", name="Health").click()
    await page.get_by_role("link", name="Cleaning").click()
    kept = page.get_by_label("How long things stay")
    await expect(kept).to_contain_text("14\u202fdays")
    await expect(page.get_by_label("What goes next")).to_contain_text("Nothing is old enough")
    await assert_accessible(page)
    await page.get_by_role("button", name="Held studies").click()
    row = page.get_by_test_id("table-row").filter(has_text="CURIE, Marie")
    await expect(row).to_contain_text("wanted by the surgeon on Friday")
    await assert_accessible(page)
    await row.get_by_role("button", name="Lift").click()
    await page.get_by_role("dialog").get_by_role("button", name="Lift the hold").click()
    await expect(page.get_by_text("No study is held")).to_be_visible()
    await it_goes_now(page)
    await page.get_by_role("link", name="Self-test").click()
    await page.get_by_role("button", name="Test with a study").click()
    detail = page.get_by_role("complementary", name="Self-test")
    await expect(detail).to_contain_text("Passed", timeout=60_000)
    steps = detail.get_by_label("Steps", exact=True).get_by_role("listitem")
    await expect(steps).to_have_count(9)
    await expect(steps.get_by_label("passed")).to_have_count(9)
    await assert_accessible(page)
