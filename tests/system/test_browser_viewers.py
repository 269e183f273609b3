"""What a scan plays, what it measured and what became of it, looked at in a real browser."""

import asyncio
import io
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.async_api import Locator, Page, expect
from pydicom import dcmread

sys.path.insert(0, str(Path(__file__).parent))

from browser import assert_accessible, log_in, opened_page
from conftest import Installation, Scene
from test_browser_images import ROOT_UID, an_image

from scanhub_device.simulator import SimulatedScanner, SimulatorSettings

pytestmark = [
    pytest.mark.system,
    pytest.mark.browser,
    pytest.mark.timeout(300),
]


@pytest.fixture
async def page(installation: Installation) -> AsyncIterator[Page]:
    async with opened_page(installation.url) as page:
        yield page


async def open_tab(page: Page, scene: Scene, name: str) -> None:
    await log_in(page, f"/exams/{scene.data.exam_id}")
    await page.get_by_test_id("task-row").first.click()
    await page.get_by_role("tab", name=name).click()


@pytest.mark.long
async def test_a_sequence_is_exact_when_one_looks_closely(page, scene):
    await open_tab(page, scene, "Sequence")
    plots = page.get_by_test_id("line-plot")
    await expect(plots).to_have_count(6)
    shown = page.get_by_test_id("sequence-window")
    await expect(shown).to_contain_text("zoom in for every vertex")
    closer = page.get_by_role("button", name="Closer (+)")
    for _ in range(8):
        await closer.click()
    await expect(shown).to_contain_text("every vertex drawn")
    await plots.nth(2).hover()
    under = page.get_by_test_id("sequence-cursor")
    await expect(under).to_contain_text("block")
    await expect(under).to_contain_text("ms")
    facts = page.get_by_role("region", name="Facts of the sequence")
    await expect(facts).to_contain_text("40\u202fms")
    await assert_accessible(page)


async def scanned(scene: Scene) -> None:
    """Scan and reconstruct as fast as it goes."""
    task_id = scene.data.acquisition_task_id
    await scene.api.call("POST", f"/workflowmanager/trigger_task/{task_id}/")
    await scene.until("exam.task.finished", task_id=scene.data.reconstruction_task_id)


@pytest.mark.long
async def test_raw_data_are_seen_in_time_in_frequency_and_as_k_space(page, scene):
    async with scene.scanner(SimulatedScanner(SimulatorSettings(time_scale=0))):
        await scanned(scene)
    await open_tab(page, scene, "Raw data")
    await expect(page.get_by_test_id("line-plot")).to_have_count(2)
    header = page.get_by_role("region", name="Header of the readout")
    await expect(header).to_contain_text("20\u202fµs")
    await expect(header).to_contain_text("50\u202fkHz")
    await page.get_by_label("Readout", exact=True).fill("64")
    await expect(header).to_contain_text("line 64")
    await page.get_by_role("img", name="Spectrum").hover()
    await expect(page.get_by_test_id("under-spectrum")).to_contain_text("kHz")
    await assert_accessible(page)
    await page.get_by_role("button", name="K-space").click()
    picture = page.get_by_test_id("kspace")
    await expect(page.get_by_test_id("under-kspace")).to_contain_text("128 readouts")
    middle, edge = await picture.evaluate(
        """canvas => [[64, 64], [3, 3]].map(([x, y]) =>
           canvas.getContext("2d").getImageData(x, y, 1, 1).data[0])"""
    )
    assert middle > 200
    assert edge < middle - 60
    await assert_accessible(page)


SLICES = 8


def a_volume() -> list[dict[str, object]]:
    """Return slices of 2 x 3 mm pixels, 4 mm apart; one corner is bright: left, front, head."""
    files = []
    for number in range(SLICES):
        image = dcmread(io.BytesIO(an_image(number + 1)))
        image.FrameOfReferenceUID = f"{ROOT_UID}.9"
        image.PixelSpacing, image.SliceThickness = [2.0, 3.0], 4.0
        image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        image.ImagePositionPatient = [-48.0, -32.0, 4.0 * number]
        image.WindowCenter, image.WindowWidth = 500, 1000
        pixels = np.full((32, 32), 300, "<u2")
        if number >= SLICES // 2:
            pixels[2:14, 18:30] = 1000
        image.PixelData = pixels.tobytes()
        file = io.BytesIO()
        image.save_as(file, enforce_file_format=True)
        files.append(
            {"name": f"{number}.dcm", "mimeType": "application/dicom", "buffer": file.getvalue()}
        )
    return files


async def grey_at(picture: Locator, across: float, down: float) -> int:
    """Return the grey level at shares of the width and height of a picture."""
    seen = Image.open(io.BytesIO(await picture.screenshot())).convert("L")
    return int(seen.getpixel((int(seen.width * across), int(seen.height * down))))


async def until_grey(picture: Locator, across: float, down: float, levels: range) -> None:
    """Wait until a picture is drawn as it has to be."""
    async with asyncio.timeout(30):
        while await grey_at(picture, across, down) not in levels:
            await asyncio.sleep(0.1)


BRIGHT, GREY = range(200, 256), range(41, 120)


@pytest.mark.long
async def test_planes_are_where_the_patient_is_and_lengths_are_in_millimetres(page, scene):
    await log_in(page, "/upload")
    await page.get_by_label("Files", exact=True).set_input_files(a_volume())
    await page.get_by_test_id("table-row").filter(has_text="Done").first.click()
    await page.get_by_role("link", name="Archive").click()
    await page.get_by_test_id("table-row").filter(has_text="CURIE, Marie").click()
    await expect(page.get_by_test_id("slice")).to_have_text(f"Slice 5/{SLICES}")
    picture = page.get_by_test_id("viewer-canvas")
    await page.get_by_role("button", name="Measure a length").click()
    box = await picture.bounding_box()
    bar = page.get_by_test_id("viewer-overlay").get_by_text("20 mm", exact=True)
    pixels = await bar.locator("span").evaluate("bar => bar.getBoundingClientRect().width")
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    await page.mouse.move(x - pixels, y)
    await page.mouse.down()
    await page.mouse.move(x + pixels, y, steps=4)
    await page.mouse.up()
    await expect(picture.locator("svg.svg-layer")).to_contain_text(re.compile(r"(39|40)\S*\smm"))
    await page.get_by_role("button", name="Three planes").click()
    await expect(page.locator("[data-testid=planes] [data-ready]")).to_be_visible()
    axial, coronal = (page.get_by_test_id(f"plane-{name}") for name in ("axial", "coronal"))
    await until_grey(axial, 0.62, 0.45, BRIGHT)
    await until_grey(axial, 0.38, 0.45, GREY)  # the patient's right
    await until_grey(axial, 0.62, 0.55, GREY)  # the back
    await until_grey(coronal, 0.62, 0.54, GREY)  # the feet
    await page.get_by_role("button", name="All images").click()
    await expect(page.get_by_role("button", name="Image 8")).to_be_visible()
    await assert_accessible(page)
