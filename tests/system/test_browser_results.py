"""What modules deliver beside images, looked at in a real browser; and until when they have to."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image
from playwright.async_api import Locator, Page, expect
from pydicom.data import get_testdata_file

sys.path.insert(0, str(Path(__file__).parent))

from browser import assert_accessible, log_in, opened_page
from conftest import Installation, Scene, serving_modules
from ports import a_port
from test_browser_routing import send
from test_browser_viewers import grey_at

pytestmark = [
    pytest.mark.system,
    pytest.mark.browser,
    pytest.mark.long,
    pytest.mark.timeout(180),
]
MODULE = """
import json, os, pathlib, shutil
source, target = (pathlib.Path(os.environ[f"MERCURE_{n}_DIR"]) for n in ("IN", "OUT"))
settings = json.loads((source / "task.json").read_text())["process"]["settings"]
for file in pathlib.Path(settings["files"]).iterdir():
    shutil.copy(file, target)
"""


@pytest.fixture
def dicom_port() -> int:
    return a_port()


@pytest.fixture
async def installation(tmp_path: Path, dicom_port: int) -> AsyncIterator[Installation]:
    async with serving_modules(tmp_path, dicom_port, deliver=MODULE) as installation:
        yield installation


@pytest.fixture
async def page(installation: Installation) -> AsyncIterator[Page]:
    async with opened_page(installation.url) as page:
        yield page


async def add_the_module(scene: Scene, folder: Path) -> None:
    module = {"name": "deliver", "runner": "process", "entry_point": "deliver.py"}
    settings = {"settings": {"files": str(folder)}}
    await scene.api.call("POST", "/workflowmanager/modules", json={**module, **settings})


def write_files(folder: Path) -> None:
    """Write a volume whose left, front, upper eighth is bright, a report and what is none."""
    folder.mkdir()
    volume = np.full((32, 32, 16), 300, np.int16)
    volume[:16, 16:, 8:] = 1000  # the axes lead to the right, to the front and to the head
    image = nibabel.Nifti1Image(volume, np.diag([2.0, 2.0, 4.0, 1.0]))
    nibabel.save(image, folder / "map.nii.gz")
    Image.new("L", (200, 280), 255).save(folder / "report.pdf")
    (folder / "broken.pdf").write_text("Not found")


async def opened(page: Page, files: Locator, name: str) -> Locator:
    await files.get_by_role("button", name=f"Look at {name}").click()
    dialog = page.get_by_role("dialog", name=name)
    await expect(dialog).to_be_visible()
    return dialog


async def test_a_volume_and_a_report_of_a_module_are_looked_at(
    page: Page, scene: Scene, dicom_port: int, tmp_path: Path
) -> None:
    await asyncio.to_thread(write_files, tmp_path / "files")
    await add_the_module(scene, tmp_path / "files")
    rule = {"name": "all", "rule": "True", "action": "process", "processing_module": ["deliver"]}
    await scene.api.call("POST", "/workflowmanager/rules", json=rule)
    image = Path(get_testdata_file("MR_small.dcm"))
    assert await asyncio.to_thread(send, dicom_port, image) == 0
    await scene.until("case.done")
    await log_in(page, "/cases")
    await page.get_by_test_id("table-row").click()
    modules = page.get_by_role("region", name="Modules", exact=True)
    dialog = await opened(page, modules, "map.nii.gz")
    await expect(dialog.get_by_test_id("slice")).to_have_text("Value 300")
    axial = dialog.get_by_test_id("nifti-axial")
    async with asyncio.timeout(30):
        while await grey_at(axial, 0.75, 0.25) <= await grey_at(axial, 0.25, 0.75) + 60:
            await asyncio.sleep(0.1)
    await axial.click(position={"x": 3, "y": 3})
    await expect(dialog.get_by_test_id("slice")).to_have_text("Value 300")  # right, front
    box = await axial.bounding_box()
    assert box
    await axial.click(position={"x": box["width"] - 3, "y": 3})
    await expect(dialog.get_by_test_id("slice")).to_have_text("Value 1000")  # left, front
    await expect(dialog.get_by_role("region", name="Facts of the file")).to_contain_text("32")
    await assert_accessible(page)
    await page.keyboard.press("Escape")
    dialog = await opened(page, modules, "report.pdf")
    await expect(dialog.locator("iframe[src^='blob:']")).to_be_visible()
    await page.keyboard.press("Escape")
    dialog = await opened(page, modules, "broken.pdf")
    await expect(dialog).to_contain_text("This is no PDF document")


async def test_a_rule_says_until_when_modules_have_to_be_done(
    page: Page, scene: Scene, tmp_path: Path
) -> None:
    await add_the_module(scene, tmp_path)
    await log_in(page, "/rules?new=1")
    await expect(page.get_by_role("heading", name="New rule")).to_be_visible()
    await page.get_by_label("Name").fill("in-time")
    await page.get_by_label("Condition").fill("True")
    await page.get_by_role("radio", name="Process", exact=True).click()
    part = page.get_by_role("region", name="Process")
    await part.get_by_label("Module", exact=True).click()
    await page.get_by_role("option", name="deliver").click()
    deadline = part.get_by_label("Modules are done within")
    await deadline.fill("0")
    await expect(part).to_contain_text("has to be more than 0, and at most a year")
    await deadline.fill("1.5")
    await expect(part).not_to_contain_text("has to be more than 0")
    await deadline.blur()
    await assert_accessible(page)
    await page.get_by_role("button", name="Make the rule").click()
    detail = page.get_by_role("complementary", name="Rule in-time")
    await expect(detail).to_contain_text("1:30:00")
    found = await scene.api.call("GET", "/workflowmanager/rules/in-time")
    assert found["processing_deadline_s"] == 5400
    await detail.get_by_role("button", name="Edit and try out").click()
    await expect(deadline).to_have_value("1.5")
    await deadline.fill("")
    await deadline.blur()
    await page.get_by_role("button", name="Save").click()
    await expect(detail.get_by_label("Versions")).to_contain_text("Version 2")
    found = await scene.api.call("GET", "/workflowmanager/rules/in-time")
    assert found["processing_deadline_s"] is None
