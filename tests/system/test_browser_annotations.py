"""What is drawn on images is there again, where it was drawn, for everybody."""

import re
import sys
from collections.abc import AsyncIterator
from itertools import chain
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

sys.path.insert(0, str(Path(__file__).parent))

from browser import assert_accessible, log_in, opened_page
from conftest import Installation, Scene
from test_browser_images import ROOT_UID
from test_browser_viewers import a_volume

pytestmark = [
    pytest.mark.system,
    pytest.mark.browser,
    pytest.mark.long,
    pytest.mark.timeout(300),
]
SERIES = f"{ROOT_UID}.2"
LIST = f"/workflowmanager/series/{SERIES}/annotations"


@pytest.fixture
async def page(installation: Installation) -> AsyncIterator[Page]:
    async with opened_page(installation.url) as page:
        yield page


async def open_images(page: Page) -> Locator:
    await page.get_by_role("link", name="Archive").click()
    await page.get_by_test_id("table-row").filter(has_text="CURIE, Marie").click()
    await expect(page.get_by_test_id("slice")).to_have_text("Slice 5/8")
    return page.get_by_test_id("viewer-canvas")


async def drag(page: Page, picture: Locator, across: float) -> None:
    """Drag over the middle of a picture, so many millimetres to both sides."""
    box = await picture.bounding_box()
    bar = page.get_by_test_id("viewer-overlay").get_by_text("20 mm", exact=True)
    pixels = await bar.locator("span").evaluate("bar => bar.getBoundingClientRect().width")
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    await page.mouse.move(x - across / 20 * pixels, y)
    await page.mouse.down()
    await page.mouse.move(x + across / 20 * pixels, y, steps=4)
    await page.mouse.up()


async def a_volume_that_is_looked_at(page: Page) -> Locator:
    await log_in(page, "/upload")
    await page.get_by_label("Files", exact=True).set_input_files(a_volume())
    await page.get_by_test_id("table-row").filter(has_text="Done").first.click()
    return await open_images(page)


async def point_at_something(page: Page, picture: Locator) -> None:
    await page.get_by_role("button", name="Point at something").click()
    await drag(page, picture, 15)
    await page.get_by_role("textbox", name="Words").fill("artefact")
    await page.get_by_role("button", name="Keep").click()


async def name_it(scene: Scene, annotation_id: str) -> None:
    """Do what another person may do meanwhile: it is seen without a reload."""
    change = {"points": [[8, 10], [20, 10]], "text": "left atrium"}
    await scene.api.call("PUT", f"/workflowmanager/annotations/{annotation_id}", json=change)


async def test_what_is_drawn_is_kept_shown_again_changed_and_brought_back(
    page: Page, scene: Scene
) -> None:
    picture = await a_volume_that_is_looked_at(page)
    drawn = picture.locator("svg.svg-layer")
    await page.get_by_role("button", name="Measure a length").click()
    await drag(page, picture, 20)
    await expect(drawn).to_contain_text(re.compile(r"(39|40)\S*\smm"))
    listed = page.get_by_role("button", name="Annotations: 1")
    await expect(listed).to_be_visible()
    (kept,) = await scene.api.call("GET", LIST)  # 32 x 32 pixels, 3 mm wide
    assert (kept["sop_instance_uid"], kept["kind"]) == (f"{SERIES}.5", "length")
    assert [*chain(*kept["points"])] == pytest.approx([9.33, 16, 22.67, 16], abs=0.3)

    await name_it(scene, kept["id"])
    await expect(drawn).to_contain_text("left atrium")
    await expect(drawn).to_contain_text(re.compile(r"36\S*\smm"))
    await page.keyboard.press("ArrowRight")
    await expect(drawn).not_to_contain_text("mm")
    await page.reload()
    await expect(page.get_by_test_id("slice")).to_have_text("Slice 5/8")
    await expect(drawn).to_contain_text("left atrium")
    await page.keyboard.press("o")
    await expect(drawn).not_to_contain_text("mm")
    await page.keyboard.press("o")

    await listed.click()
    panel = page.get_by_role("complementary", name="Annotations")
    await expect(panel).to_contain_text("left atrium · 36\u202fmm")
    await expect(panel).to_contain_text("Slice 5")
    await assert_accessible(page)
    await panel.get_by_role("button", name="Delete this annotation").click()
    await expect(panel).to_contain_text("Nothing is drawn")
    await expect(drawn).not_to_contain_text("mm")
    await panel.get_by_role("button", name="Bring it back").click()
    await expect(drawn).to_contain_text("left atrium")

    await point_at_something(page, picture)
    await expect(panel.get_by_role("listitem")).to_have_count(2)
    await expect(drawn).to_contain_text("artefact")
