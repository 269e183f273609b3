"""A processing module in a real browser: added, tested, named by a rule, watched, reviewed."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect
from pydicom.data import get_testdata_file

sys.path.insert(0, str(Path(__file__).parent))

from browser import assert_accessible, log_in, opened_page
from conftest import Installation, Scene, serving_modules
from ports import a_port
from test_browser_routing import send

pytestmark = [
    pytest.mark.system,
    pytest.mark.browser,
    pytest.mark.timeout(180),
]
MODULE = """
import json, os, pathlib, time
import pydicom
source, target = (pathlib.Path(os.environ[f"MERCURE_{n}_DIR"]) for n in ("IN", "OUT"))
settings = json.loads((source / "task.json").read_text())["process"]["settings"]
print("waits for the gate", flush=True)
while not pathlib.Path(settings["gate"]).exists():
    time.sleep(0.05)
image = pydicom.dcmread(next(source.glob("*.dcm")))
image.SeriesDescription = "measured"
image.SeriesInstanceUID += ".9"
image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = image.SeriesInstanceUID + ".1"
image.save_as(target / "1.dcm", enforce_file_format=True)
(target / "result.json").write_text(json.dumps({"snr": 41.5, "licence": os.environ["LICENCE"]}))
(target / "report.csv").write_text("snr\\n41.5\\n")
"""


@pytest.fixture
def dicom_port() -> int:
    return a_port()


@pytest.fixture
async def installation(tmp_path: Path, dicom_port: int) -> AsyncIterator[Installation]:
    async with serving_modules(tmp_path, dicom_port) as installation:
        yield installation


@pytest.fixture
async def page(installation: Installation) -> AsyncIterator[Page]:
    async with opened_page(installation.url) as page:
        yield page


async def add_a_module(page: Page, folder: Path) -> None:
    """Add it before its file is there: the test says so, and then that it can run."""
    await page.get_by_role("button", name="Add module").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Process").click()
    await dialog.get_by_label("Name", exact=True).fill("measure")
    await dialog.get_by_role("textbox", name="Settings").fill("{")
    await dialog.get_by_role("button", name="Add module").click()
    await expect(dialog).to_contain_text("Something is missing or wrong above.")
    await dialog.get_by_role("textbox", name="Settings").fill('{"gate": "/nowhere"}')
    await dialog.get_by_label("Python file").fill("measure.py")
    await dialog.get_by_role("button", name="Add a variable").click()
    await dialog.get_by_label("Name of variable 1").fill("LICENCE")
    await dialog.get_by_label("Value of LICENCE").fill("sesame")
    await assert_accessible(page)
    await dialog.get_by_role("button", name="Add module").click()
    detail = page.get_by_role("complementary", name="Module measure")
    await expect(detail).to_contain_text("LICENCE set, not shown")
    await detail.get_by_role("button", name="Test").click()
    found = detail.get_by_label("What came of the test")
    await expect(found).to_contain_text("It cannot run here.")
    (folder / "modules" / "measure.py").write_text(MODULE)
    await detail.get_by_role("button", name="Test").click()
    await expect(found).to_contain_text("It can run here")
    await assert_accessible(page)


async def let_a_rule_name_it(page: Page, gate: Path) -> None:
    await page.get_by_role("link", name="Rules", exact=True).click()
    await page.get_by_role("button", name="New rule").click()
    await page.get_by_label("Name").fill("measure-all")
    await page.get_by_label("Condition").fill("True")
    await page.get_by_role("radio", name="Process", exact=True).click()
    part = page.get_by_role("region", name="Process")
    await part.get_by_label("Module", exact=True).click()
    await page.get_by_role("option", name="measure").click()
    await part.get_by_label("Settings of the rule").fill(f'{{"gate": "{gate}"}}')
    await part.get_by_label("A person looks at it before anything is sent").check()
    await expect(page.get_by_label("Outcome")).to_contain_text("Processes series by measure")
    await assert_accessible(page)
    await page.get_by_role("button", name="Make the rule").click()
    detail = page.get_by_role("complementary", name="Rule measure-all")
    await expect(detail.get_by_role("list", name="What measure-all does")).to_contain_text(
        "measure"
    )


async def watch_and_stop(page: Page, modules: Locator) -> None:
    await expect(modules.get_by_role("log")).to_contain_text("waits for the gate")
    await expect(modules).to_contain_text("Live")
    await assert_accessible(page)
    await modules.get_by_role("button", name="Stop the modules").click()
    await page.get_by_role("dialog").get_by_role("button", name="Stop", exact=True).click()
    await expect(modules.get_by_role("button", name="Begin anew")).to_be_visible()


@pytest.mark.long
async def test_a_module_is_added_watched_stopped_and_begun_anew(
    page: Page, scene: Scene, dicom_port: int, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    await log_in(page, "/modules")
    await expect(page.get_by_text("No modules yet")).to_be_visible()
    await add_a_module(page, tmp_path)
    await let_a_rule_name_it(page, gate)
    image = Path(get_testdata_file("MR_small.dcm"))
    assert await asyncio.to_thread(send, dicom_port, image) == 0
    await page.get_by_role("link", name="Cases").click()
    await expect(page.get_by_role("heading", name="Cases", exact=True)).to_be_visible()
    await page.get_by_test_id("table-row").click()
    modules = page.get_by_role("region", name="Modules", exact=True)
    await watch_and_stop(page, modules)
    gate.touch()
    await modules.get_by_role("button", name="Begin anew").click()
    review = modules.get_by_role("form", name="Review")
    await review.get_by_label("Why").fill("It is sharp")
    await assert_accessible(page)
    await review.get_by_role("button", name="Approve").click()
    await scene.until("case.done")
    await expect(modules).to_contain_text("It is sharp")
    await expect(modules.get_by_label("What came out")).to_contain_text("measured")
    await modules.get_by_role("button", name="measure").first.click()
    result = modules.get_by_label("Result of measure")
    await expect(result).to_contain_text("41.5")
    await assert_accessible(page)
    async with page.expect_download() as downloading:
        await modules.get_by_role("link", name="report.csv").click()
    saved = await (await downloading.value).path()
    assert "41.5" in saved.read_text()
    async with page.expect_download() as downloading:
        await modules.get_by_role("link", name="Download").click()
    saved = await (await downloading.value).path()
    assert "waits for the gate" in saved.read_text()
    await modules.get_by_role("link", name="measured").click()
    await expect(page.get_by_role("complementary")).to_contain_text("measured")
