"""The technician's day in a real browser: log in, open the exam, scan, look, stop."""

import asyncio
import io
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.async_api import Page, expect

sys.path.insert(0, str(Path(__file__).parent))

from browser import log_in, opened_page
from conftest import Scene

from scanhub.demo.data import PASSWORD, USERNAME
from scanhub_device.simulator import SimulatedScanner, SimulatorSettings

pytestmark = [
    pytest.mark.system,
    pytest.mark.browser,
    pytest.mark.timeout(180),
]


@pytest.fixture
async def page(installation):
    async with opened_page(installation.url) as page:
        yield page


@pytest.mark.long
async def test_a_wrong_password_is_told_and_the_right_one_leads_where_one_wanted(page, scene):
    await page.goto("/devices")
    await page.get_by_label("User name").fill(USERNAME)
    await page.get_by_label("Password", exact=True).fill("not-the-password")
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("alert")).to_contain_text("wrong")
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await expect(page).to_have_url(re.compile(r"/devices$"))
    await expect(page.get_by_text("Simulated scanner").first).to_be_visible()
    await page.goto("/no-such-page")  # what is mistyped takes nobody out of the shell
    await expect(page.get_by_text("There is no such page")).to_be_visible()
    await expect(page.get_by_role("navigation").first).to_be_visible()


class HeldScanner:
    """Is half through a scan, and goes on when somebody has seen it."""

    def __init__(self) -> None:
        self._scanner = SimulatedScanner(SimulatorSettings(time_scale=0))
        self.details = self._scanner.details
        self.seen = asyncio.Event()

    async def scan(self, scan: Any, /) -> None:
        await scan.report_progress(50)
        await self.seen.wait()
        await self._scanner.scan(scan)


async def test_a_technician_scans_and_sees_the_image_without_reloading(page, scene):
    scanner = HeldScanner()
    async with scene.scanner(scanner):
        await see_a_scan(page, scene, scanner)


async def see_a_scan(page: Page, scene: Scene, scanner: HeldScanner) -> None:
    await log_in(page)
    await page.get_by_role("row").filter(has_text="First light").first.click()
    await expect(page).to_have_url(re.compile(f"/exams/{scene.data.exam_id}"))
    await expect(page.get_by_test_id("patient-banner")).to_contain_text("PHANTOM, Ada")
    await tell_the_reconstruction(page)
    await page.get_by_test_id("task-row").filter(has_text="GRE axial").click()
    start = page.get_by_role("button", name="Start scan")
    await expect(start).to_be_enabled(timeout=15_000)
    await start.click()
    row = page.get_by_test_id("task-row").filter(has_text="GRE axial")
    await expect(row).to_contain_text(re.compile("50\\s?%"))
    scanner.seen.set()
    await expect(row).to_contain_text(re.compile("finished|done", re.IGNORECASE), timeout=60_000)
    recon = page.get_by_test_id("task-row").filter(has_text="Reconstruction")
    await expect(recon).to_contain_text(re.compile("finished|done", re.IGNORECASE), timeout=60_000)
    await recon.click()
    canvas = page.get_by_test_id("viewer-canvas").locator("canvas").first
    await expect(canvas).to_be_visible(timeout=30_000)
    await until_lit(page)
    runs = page.get_by_role("complementary", name="Inspector").get_by_role("region", name="Runs")
    await runs.get_by_role("button", expanded=False).first.click()
    await expect(runs.get_by_role("log")).to_contain_text("100 %")
    await expect(runs).to_contain_text("hann")


async def tell_the_reconstruction(page: Page) -> None:
    """Tell the job of a task what to do, by the form of its schema."""
    await page.get_by_test_id("task-row").filter(has_text="Reconstruction").click()
    inspector = page.get_by_role("complementary", name="Inspector")
    await inspector.get_by_role("button", name="Change").click()
    await inspector.get_by_role("combobox", name="Apodization").click()
    await page.get_by_role("option", name="hann").click()
    await inspector.get_by_label("Partial Fourier iterations").fill("51")
    await expect(inspector).to_contain_text("has to be 1 to 50")
    await inspector.get_by_label("Partial Fourier iterations").fill("")
    await inspector.get_by_role("button", name="Save").click()
    await expect(inspector.get_by_label("Parameters")).to_contain_text("hann")


async def until_lit(page: Page) -> None:
    """Wait until the image is shown: a share of the canvas is not black."""
    for _ in range(100):
        if await lit_share(page) > 0.05:
            return
        await page.wait_for_timeout(200)
    pytest.fail("the image stays black")


async def lit_share(page: Page) -> float:
    """Return the share of bright points in a picture of the viewer."""
    picture = await page.get_by_test_id("viewer-canvas").screenshot()
    grey = np.asarray(Image.open(io.BytesIO(picture)).convert("L"))
    return float((grey > 40).mean())


async def test_stop_in_the_browser_stops_the_scanner(page, scene):
    async with scene.scanner(HeldScanner()):
        await log_in(page, f"/exams/{scene.data.exam_id}")
        await page.get_by_test_id("task-row").filter(has_text="GRE axial").click()
        start = page.get_by_role("button", name="Start scan")
        await expect(start).to_be_enabled()
        await start.click()
        await scene.until("exam.task.progress", task_id=scene.data.acquisition_task_id)
        await page.get_by_role("button", name="Stop scanner").click()
        await scene.until("exam.task.canceled", task_id=scene.data.acquisition_task_id)
        row = page.get_by_test_id("task-row").filter(has_text="GRE axial")
        await expect(row).to_contain_text(re.compile("stopped|cancel", re.IGNORECASE))


@pytest.mark.long
async def test_a_first_level_scan_is_confirmed_by_name_in_a_dialog(page, scene, hot_scanner):
    async with hot_scanner():
        await log_in(page, f"/exams/{scene.data.exam_id}")
        await page.get_by_test_id("task-row").filter(has_text="GRE axial").click()
        check = page.get_by_label("Safety check")
        await expect(check).to_contain_text("First Level: has to be confirmed", timeout=15_000)
        start = page.get_by_role("button", name="Start scan")
        await expect(start).to_be_enabled(timeout=15_000)
        await start.click()
        notice = page.get_by_role("alert").filter(has_text="was not started")
        await expect(notice).to_contain_text("W/kg")
        await notice.get_by_role("button", name="Confirm and start").click()
        dialog = page.get_by_role("dialog", name=re.compile("First Level"))
        await expect(dialog).to_contain_text(f"({USERNAME})")
        await dialog.get_by_label("Why the scan is needed").fill("needed for the contrast")
        await dialog.get_by_role("button", name="Confirm and start").click()
        done = await scene.until("acquisition.finished", task_id=scene.data.acquisition_task_id)
        assert done["data"]["safety"]["confirmed_by"] == USERNAME


@pytest.mark.long
async def test_a_scanner_that_leaves_is_seen_leaving(page, scene):
    scanner = await scene.installation.connect_scanner(scene.data.credentials)
    await scene.until("device.connected", device_id=scene.data.device_id)
    await log_in(page, f"/exams/{scene.data.exam_id}")
    await page.get_by_test_id("task-row").filter(has_text="GRE axial").click()
    strip = page.get_by_test_id("device-strip")
    await expect(strip).to_contain_text(re.compile("ready|online", re.IGNORECASE))
    scanner.terminate()
    await expect(strip).to_contain_text("ffline", timeout=15_000)
    await expect(page.get_by_role("button", name="Start scan")).to_be_disabled()


@pytest.mark.long
async def test_whoever_has_to_set_a_new_password_sets_it_before_anything_else(page, scene):
    new_user = {
        "username": "grace",
        "first_name": "Grace",
        "last_name": "Hopper",
        "email": "grace@example.org",
        "role": "medical",
        "token_type": "password",
        "access_token": "handed-over-on-paper",
        "must_change_password": True,
    }
    await scene.api.call("POST", "/userlogin/createuser", json=new_user)
    await log_in(page, "/", "grace", "handed-over-on-paper")
    await expect(page.get_by_role("heading", name="Set a new password")).to_be_visible()
    await page.goto("/patients")
    await expect(page.get_by_role("heading", name="Set a new password")).to_be_visible()
    await fill_passwords(page, "handed-over-on-paper", "password1234")
    await expect(page.get_by_role("alert")).to_contain_text("tried first")
    await fill_passwords(page, "handed-over-on-paper", "eleven blue herons")
    await expect(page.get_by_role("heading", name="Patients")).to_be_visible()
    await expect(page.get_by_role("row").filter(has_text="PHANTOM, Ada")).to_contain_text(
        "DEMO-0001"
    )


@pytest.mark.long
async def test_a_password_is_changed_from_the_account_menu(page, scene):
    await log_in(page)
    await page.get_by_role("button", name="Account and settings").click()
    await page.get_by_role("menuitem", name="Change password").click()
    await fill_passwords(page, PASSWORD, "eleven blue herons")
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await page.reload()
    await expect(page.get_by_role("heading", name="Worklist")).to_be_visible()


async def fill_passwords(page: Page, current: str, new: str) -> None:
    await page.get_by_label("Current password", exact=True).fill(current)
    await page.get_by_label("New password", exact=True).fill(new)
    await page.get_by_label("Repeat the new password", exact=True).fill(new)
    await page.get_by_role("button", name="Change the password").click()


@pytest.mark.long
@pytest.mark.parametrize("service", ["exam", "device", "workflowmanager"])
async def test_the_page_of_an_openapi_document_needs_no_other_host(page, installation, service):
    asked, refused = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: refused.append(message.text))
    await page.goto(f"/api/v1/{service}/docs")
    await expect(page.locator(".opblock").first).to_be_visible()
    hosted = [url for url in asked if not url.startswith("data:")]
    assert [url for url in hosted if not url.startswith(installation.url)] == []
    assert refused == []
