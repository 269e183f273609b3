"""What a scan plays, what it measured and what became of it, looked at in a real browser."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

sys.path.insert(0, str(Path(__file__).parent))

from browser import assert_accessible, log_in, opened_page
from conftest import Installation, Scene

pytestmark = [
    pytest.mark.system,
    pytest.mark.browser,
    pytest.mark.timeout(180),
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
