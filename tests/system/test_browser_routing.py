"""Where images go, in a real browser: a target, and a rule that is written, tried and fires."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pydicom
import pytest
from playwright.async_api import Page, expect
from pydicom.data import get_testdata_file
from pynetdicom import AE

sys.path.insert(0, str(Path(__file__).parent))

from browser import assert_accessible, log_in, opened_page
from conftest import Installation, Scene
from ports import a_port

pytestmark = [
    pytest.mark.system,
    pytest.mark.browser,
    pytest.mark.timeout(180),
]
HEADS = {"name": "heads", "rule": "tags.Modality == 'MR'", "action": "notification"}


@pytest.fixture
def dicom_port() -> int:
    return a_port()


@pytest.fixture
async def installation(tmp_path: Path, dicom_port: int) -> AsyncIterator[Installation]:
    """A server that listens to DICOM and takes a series as complete soon."""
    quick = {"SCANHUB_WORKFLOW_SERIES_QUIET_S": "0.5"}
    installation = Installation(tmp_path, environment=quick)
    try:
        await installation.start("--dicom-port", str(dicom_port))
        yield installation
    finally:
        await installation.end()


@pytest.fixture
async def page(installation: Installation) -> AsyncIterator[Page]:
    async with opened_page(installation.url) as page:
        yield page


@pytest.fixture
def image(tmp_path: Path) -> Path:
    dataset = pydicom.dcmread(get_testdata_file("MR_small.dcm"))
    dataset.SeriesDescription, dataset.BodyPartExamined = "T2 TSE axial", "HEAD"
    dataset.save_as(tmp_path / "head.dcm")
    return tmp_path / "head.dcm"


def send(port: int, path: Path) -> int:
    dataset = pydicom.dcmread(path)
    entity = AE(ae_title="SCANNER")
    entity.add_requested_context(dataset.SOPClassUID, dataset.file_meta.TransferSyntaxUID)
    association = entity.associate("127.0.0.1", port)
    try:
        return int(association.send_c_store(dataset).Status)
    finally:
        association.release()


async def add_a_folder(page: Page, folder: Path) -> None:
    await page.get_by_role("link", name="Targets").click()
    await page.get_by_role("button", name="Add target").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name=re.compile("^Folder")).click()
    await dialog.get_by_label("Name").fill("archive")
    await dialog.get_by_role("button", name="Add target").click()
    await expect(dialog).to_contain_text("is needed")
    await dialog.get_by_label("Folder").fill(str(folder))
    await dialog.get_by_role("button", name="Add target").click()
    detail = page.get_by_role("complementary", name="Target archive")
    await detail.get_by_role("button", name="Test the connection").click()
    await expect(detail.get_by_label("What came of the test")).to_contain_text(
        "Images can be sent there."
    )


async def write_a_rule(page: Page, image: Path) -> None:
    await page.get_by_role("link", name="Rules").click()
    await page.get_by_role("button", name="New rule").click()
    await page.get_by_label("Name").fill("heads")
    condition = page.get_by_label("Condition")
    await condition.click()
    await page.keyboard.type("tags.Modality == 'MR' and contain(tags.SeriesDescription, 't2')")
    await page.keyboard.press("Escape")
    await expect(page.get_by_label("When")).to_contain_text("There is nothing called 'contain'")
    await expect(page.locator(".cm-lintRange-error")).to_have_text("contain")
    await condition.fill("tags.Modality == 'MR' and contains(tags.SeriesDescription, 't2')")
    outcome = page.get_by_label("Outcome")
    await expect(outcome).to_contain_text("Does not fire")
    await page.locator("input[type=file]").set_input_files(image)
    await expect(outcome).to_contain_text("Fires")
    await expect(page.get_by_label("SeriesDescription")).to_have_value("T2 TSE axial")
    await page.get_by_label("archive").check()
    await page.get_by_role("radio", name="Off", exact=True).click()
    await page.get_by_label("Why it is changed").fill("For the study on heads")
    await page.get_by_role("button", name="Make the rule").click()


@pytest.mark.long
async def test_a_rule_is_written_tried_enabled_and_seen_to_fire(
    page: Page, scene: Scene, image: Path, dicom_port: int, tmp_path: Path
) -> None:
    (tmp_path / "archive").mkdir()
    await log_in(page, "/rules")
    await expect(page.get_by_text("No rules yet")).to_be_visible()
    await add_a_folder(page, tmp_path / "archive")
    await write_a_rule(page, image)
    detail = page.get_by_role("complementary", name="Rule heads")
    await expect(detail).to_contain_text("Nothing yet.")
    await expect(detail.get_by_label("Versions")).to_contain_text("For the study on heads")
    await detail.get_by_role("radio", name="Active").click()
    await expect(detail.get_by_label("Versions")).to_contain_text("Version 2")
    assert await asyncio.to_thread(send, dicom_port, image) == 0
    await scene.until("case.done")
    await expect(detail.get_by_label("Cases of the rule")).to_contain_text("Sent to archive")
    row = page.get_by_test_id("table-row").filter(has_text="heads")
    await expect(row).to_contain_text(re.compile(r"\d\d:\d\d"))
    assert list((tmp_path / "archive").glob("*/*.dcm"))


@pytest.mark.long
async def test_two_people_change_a_rule_and_both_changes_stay(page: Page, scene: Scene) -> None:
    kept = {"processing_retain_images": True, "study_force_completion_action": "ignore"}
    await scene.api.call("POST", "/workflowmanager/rules", json={**HEADS, **kept})
    await log_in(page, "/rules?id=heads&edit=heads")
    await page.get_by_label("Comment").fill("mine")
    other = {**HEADS, **kept, "contact": "theirs", "change_comment": "by somebody else"}
    await scene.api.call("PUT", "/workflowmanager/rules/heads", json=other)
    notice = page.get_by_role("alert").filter(has_text="was saved while you were editing")
    await expect(notice).to_contain_text("theirs")
    await page.get_by_role("link", name="Worklist", exact=True).click()
    await page.get_by_role("dialog").get_by_role("button", name="Go on editing").click()
    await notice.get_by_role("button", name=re.compile("Keep my changes")).click()
    await page.get_by_role("button", name="Save").click()
    detail = page.get_by_role("complementary", name="Rule heads")
    await expect(detail.get_by_label("Versions")).to_contain_text("Version 3")
    found = await scene.api.call("GET", "/workflowmanager/rules/heads")
    assert (found["comment"], found["contact"]) == ("mine", "theirs")
    assert {name: found[name] for name in kept} == kept
    await detail.get_by_role("button", name=re.compile("Version 1")).click()
    again = detail.get_by_role("form", name="Use version 1 again")
    await expect(again).to_contain_text("mine → empty")
    await again.get_by_role("button", name="Use version 1 again").click()
    await expect(detail.get_by_label("Versions")).to_contain_text("Version 4")


@pytest.mark.long
async def test_the_order_of_rules_is_taken_back_and_a_deleted_rule_made_again(
    page: Page, scene: Scene
) -> None:
    rules = "/workflowmanager/rules"
    for name in ("heads", "phantoms", "rest"):
        await scene.api.call("POST", rules, json={**HEADS, "name": name})
    order = {"names": ["rest", "phantoms", "heads"]}
    await scene.api.call("PUT", "/workflowmanager/rules-order", json=order)
    await scene.api.call("DELETE", f"{rules}/phantoms")
    await log_in(page, "/changes?kind=rule")
    await page.get_by_test_id("table-row").filter(has_text="order").click()
    before = page.get_by_role("region", name="Before")
    await expect(before).to_contain_text("phantoms (deleted)")
    await before.get_by_role("button", name="Use this order again").click()
    await expect(before).to_contain_text("The rules are in this order.")
    await assert_accessible(page)
    await page.get_by_test_id("table-row").filter(has_text="deleted").click()
    await page.get_by_role("button", name="Version 1").click()
    await page.get_by_role("button", name="Use version 1 again").click()
    await expect(page.get_by_role("list", name="Versions")).to_contain_text("Version 3")
    assert [one["name"] for one in await scene.api.call("GET", rules)] == [
        "heads",
        "rest",
        "phantoms",
    ]
