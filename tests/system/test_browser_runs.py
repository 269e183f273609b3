"""Runs of cases in a real browser: found, begun again; what a rule does; a drained server."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect
from pydicom.data import get_testdata_file

sys.path.insert(0, str(Path(__file__).parent))

from browser import assert_accessible, log_in, opened_page, unsure_contrasts
from conftest import Installation, Scene, serving_modules
from ports import a_port
from test_browser_routing import send

pytestmark = [
    pytest.mark.system,
    pytest.mark.browser,
    pytest.mark.timeout(180),
]
PASSES = """
import os, pathlib, shutil
source, target = (pathlib.Path(os.environ[f"MERCURE_{n}_DIR"]) for n in ("IN", "OUT"))
for image in source.glob("*.dcm"):
    shutil.copy(image, target)
"""
FAILS = "print('looks for the phantom'); raise SystemExit('it is not in the centre')"


@pytest.fixture
def dicom_port() -> int:
    return a_port()


@pytest.fixture
async def installation(tmp_path: Path, dicom_port: int) -> AsyncIterator[Installation]:
    async with serving_modules(tmp_path, dicom_port, passes=PASSES, fails=FAILS) as installation:
        yield installation


@pytest.fixture
async def page(installation: Installation) -> AsyncIterator[Page]:
    async with opened_page(installation.url) as page:
        yield page


async def set_up(scene: Scene, folder: Path) -> None:
    """Let a rule name two modules, of which the second fails."""

    async def post(path: str, body: dict[str, Any]) -> None:
        await scene.api.call("POST", f"/workflowmanager{path}", json=body)

    for name in ("passes", "fails"):
        await post("/modules", {"name": name, "runner": "process", "entry_point": f"{name}.py"})
    (folder / "archive").mkdir()
    await post(
        "/targets",
        {"name": "archive", "target_type": "folder", "folder": str(folder / "archive")},
    )
    rule = {"action": "both", "target": ["archive"], "processing_module": ["passes", "fails"]}
    await post("/rules", {"name": "look-at-all", "rule": "True", **rule})


async def look_at_the_pipeline(page: Page) -> None:
    """The rule as a line of stations: each is reached by keyboard, and leads on."""
    await page.goto("/rules?id=look-at-all")
    line = page.get_by_role("list", name="What look-at-all does")
    stations = line.locator(":scope > li")
    await expect(stations.nth(1)).to_contain_text("1 case")
    await expect(stations.nth(3)).to_contain_text("module 2 of 2")
    await expect(page.get_by_role("list", name="Where it ends")).to_contain_text("archive")
    await assert_accessible(page)
    assert await unsure_contrasts(page) == []
    failed = stations.nth(3).get_by_role("link", name="1 failed")
    await failed.focus()
    await page.keyboard.press("Enter")


async def begin_again_midway(page: Page) -> None:
    """The run that failed is in the list, says why, and goes on with the first module."""
    await expect(page.get_by_role("button", name="Cases", pressed=True)).to_be_visible()
    row = page.get_by_test_id("table-row")
    await expect(row).to_contain_text("passes → fails")
    await row.click()
    run = page.get_by_role("complementary", name="Run")
    await expect(run).to_contain_text("it is not in the centre")
    await expect(run.get_by_role("region", name="Timeline")).to_contain_text("Modules failed")
    await assert_accessible(page)
    assert await unsure_contrasts(page) == []
    await run.get_by_role("button", name="passes").click()
    await run.get_by_role("button", name="Begin again with passes").click()
    await expect(page.get_by_test_id("table-row")).to_have_count(2)


async def drain_and_go_on(page: Page) -> None:
    await page.get_by_role("link", name="Processing").click()
    main = page.get_by_role("region", name="Processes").get_by_role("listitem", name="main")
    await main.get_by_role("button", name="Drain").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Why").fill("It gets more memory")
    await dialog.get_by_role("button", name="Drain main").click()
    await expect(main).to_contain_text("Drained by technician")
    await expect(main).to_contain_text("It gets more memory")
    await expect(main).to_contain_text("It does nothing any more")
    await assert_accessible(page)
    assert await unsure_contrasts(page) == []


async def prefer_what_waits(page: Page, scene: Scene, dicom_port: int) -> None:
    """What waits for a server that is drained gets another priority, and is done in the end."""
    image = Path(get_testdata_file("CT_small.dcm"))
    assert await asyncio.to_thread(send, dicom_port, image) == 0
    await scene.until("processing.queued", number=1, state="queued")
    await page.goto("/runs?view=open")
    await page.get_by_test_id("table-row").click()
    run = page.get_by_role("complementary", name="Run")
    await run.get_by_role("radio", name="Urgent").click()
    await scene.until("processing.priority", priority="urgent")
    await expect(run.get_by_role("radio", name="Urgent", checked=True)).to_be_visible()
    await page.goto("/processing")
    main = page.get_by_role("region", name="Processes").get_by_role("listitem", name="main")
    await main.get_by_role("button", name="Go on").click()
    await expect(main.get_by_role("button", name="Drain")).to_be_visible()


@pytest.mark.long
async def test_runs_are_found_begun_again_and_preferred_and_a_server_is_drained(
    page: Page, scene: Scene, dicom_port: int, tmp_path: Path
) -> None:
    await set_up(scene, tmp_path)
    image = Path(get_testdata_file("MR_small.dcm"))
    assert await asyncio.to_thread(send, dicom_port, image) == 0
    await scene.until("processing.failed")
    await log_in(page, "/rules")
    await expect(page.get_by_role("heading", name="Rules", exact=True)).to_be_visible()
    await look_at_the_pipeline(page)
    await begin_again_midway(page)
    await scene.until("processing.failed", number=2)
    await drain_and_go_on(page)
    await prefer_what_waits(page, scene, dicom_port)


@pytest.mark.long
async def test_what_a_program_was_set_to_is_kept_with_the_way_back(
    page: Page, scene: Scene, installation: Installation, dicom_port: int
) -> None:
    await installation.stop()
    installation.environment["SCANHUB_WORKFLOW_MODULE_SLOTS"] = "3"
    await installation.start("--dicom-port", str(dicom_port))
    await log_in(page, "/changes?kind=settings")
    await page.get_by_test_id("table-row").click()
    change = page.get_by_role("complementary")
    await change.get_by_role("button", name="Version 1").click()
    back = change.get_by_label("To be set as in version 1")
    await expect(back).to_have_value("SCANHUB_WORKFLOW_MODULE_SLOTS=1")
    await assert_accessible(page)
    await page.get_by_role("button", name="Notifications").click()
    await expect(page.get_by_text("Nothing was changed yet")).to_be_visible()
