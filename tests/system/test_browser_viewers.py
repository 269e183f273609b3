"""What a scan plays, what it measured and what became of it, looked at in a real browser."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

sys.path.insert(0, str(Path(__file__).parent))

from browser import assert_accessible, log_in, opened_page
from conftest import Installation, Scene

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
