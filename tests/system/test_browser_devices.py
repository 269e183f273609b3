"""Scanners in a real browser: one that is lost, its parameters, its token, its history."""

import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

sys.path.insert(0, str(Path(__file__).parent))

from browser import log_in, opened_page
from conftest import Installation, Scene

from scanhub_device import ScanError
from scanhub_device.messages import DeviceDetails

pytestmark = [
    pytest.mark.system,
    pytest.mark.browser,
    pytest.mark.timeout(180),
]
SCHEMA = {
    "type": "object",
    "required": ["larmor_frequency"],
    "properties": {
        "larmor_frequency": {
            "type": "number",
            "title": "Larmor frequency",
            "unit": "Hz",
            "minimum": 1_900_000,
            "maximum": 2_300_000,
        },
        "note": {"type": "string", "title": "Note"},
    },
}


@pytest.fixture
async def installation(tmp_path: Path) -> AsyncIterator[Installation]:
    """A server that shows a scan as lost soon."""
    quick = {"SCANHUB_DEVICE_LOST_AFTER_SECONDS": "1"}
    installation = Installation(tmp_path, environment=quick)
    try:
        await installation.start()
        yield installation
    finally:
        await installation.end()


@pytest.fixture
async def page(installation: Installation) -> AsyncIterator[Page]:
    async with opened_page(installation.url) as page:
        yield page


async def start_a_scan(scene: Scene, page: Page) -> Any:
    """Start the scan of the scene on a scanner that takes its time; return the scanner."""
    scanner = await scene.installation.connect_scanner(scene.data.credentials, "--time-scale", "60")
    await scene.until("device.connected", device_id=scene.data.device_id)
    await log_in(page, f"/exams/{scene.data.exam_id}")
    await page.get_by_test_id("task-row").filter(has_text="GRE axial").click()
    start = page.get_by_role("button", name="Start scan")
    await expect(start).to_be_enabled(timeout=15_000)
    await start.click()
    await scene.until("exam.task.progress", task_id=scene.data.acquisition_task_id)
    return scanner


def device_page(scene: Scene, tab: str = "overview") -> str:
    return f"/devices?id={scene.data.device_id}&tab={tab}"


async def set_parameters(scene: Scene, comment: str, **parameter: object) -> None:
    body = {"parameter": parameter, "comment": comment}
    await scene.api.call("PUT", f"/device/{scene.data.device_id}/parameter", json=body)


@pytest.mark.long
async def test_a_lost_scan_is_seen_everywhere_and_given_up_with_a_reason(page, scene):
    scanner = await start_a_scan(scene, page)
    os.killpg(scanner.pid, signal.SIGKILL)
    await scene.until("acquisition.lost", task_id=scene.data.acquisition_task_id)
    row = page.get_by_test_id("task-row").filter(has_text="GRE axial")
    await expect(row).to_contain_text(re.compile(r"Lost\s*since \d"))
    strip = page.get_by_test_id("device-strip")
    await expect(strip).to_contain_text(re.compile(r"Lost since \d.*go to the scanner"))
    panel = page.get_by_label("Inspector").get_by_label("Lost")
    await expect(panel).to_contain_text("Go to the scanner.")
    await panel.get_by_role("button", name="Give up this scan").click()
    dialog = page.get_by_role("dialog", name="Give up GRE axial")
    await expect(dialog).to_contain_text("This does not stop the scanner.")
    await dialog.get_by_label("What you have seen at the scanner").fill("Its computer is off")
    await dialog.get_by_role("button", name="Give up the scan").click()
    await expect(row).to_contain_text("Failed", timeout=15_000)
    await expect(strip).not_to_contain_text("Lost since")
    await page.goto(device_page(scene, "scans"))
    scans = page.get_by_role("list", name="Scans")
    await expect(scans).to_contain_text("Failed")
    await expect(scans).to_contain_text("by technician")
    await expect(scans).to_contain_text("Given up by technician: Its computer is off")


class TypedScanner:
    """A scanner that tells of which type it is."""

    details = DeviceDetails(device_name="typed", device_type="pulseq")

    async def scan(self, _scan: Any, /) -> None:
        raise ScanError("It only registers.")


@pytest.mark.long
async def test_parameters_are_edited_in_a_form_also_when_somebody_was_faster(page, scene):
    async with scene.scanner(TypedScanner()):
        await edit_parameters(page, scene)


async def edit_parameters(page: Page, scene: Scene) -> None:
    await scene.api.call("PUT", "/device/parameter-schemas/pulseq", json={"document": SCHEMA})
    await set_parameters(scene, "first", larmor_frequency=2_000_000.0, note="cold")
    await log_in(page, device_page(scene, "parameters"))
    await page.get_by_role("button", name="Edit parameters").click()
    dialog = page.get_by_role("dialog", name=re.compile("Parameters of"))
    frequency = dialog.get_by_label("Larmor frequency")
    await frequency.fill("2400000")
    await expect(dialog).to_contain_text("has to be 1900000 to 2300000")
    await frequency.fill("2000143")
    await set_parameters(scene, "second", larmor_frequency=2_000_000.0, note="warm")
    notice = dialog.get_by_role("alert").filter(has_text="was saved while you were editing")
    await expect(notice).to_contain_text("cold → warm")
    await notice.get_by_role("button", name=re.compile("Keep my changes")).click()
    await expect(dialog.get_by_label("Note")).to_have_value("warm")
    await dialog.get_by_role("button", name="Save as a new version").click()
    await expect(dialog).to_be_hidden()
    found = await scene.api.call("GET", f"/device/{scene.data.device_id}/parameter")
    assert found["parameter"] == {"larmor_frequency": 2_000_143, "note": "warm"}
    versions = page.get_by_role("list", name="Versions")
    await versions.get_by_role("button", name=re.compile("second")).click()
    again = versions.get_by_role("button", name=re.compile(r"Use version \d+ again"))
    await expect(versions.get_by_label("What would change now").first).to_contain_text("2000143")
    await again.click()
    in_force = versions.get_by_role("button", name=re.compile("in force"))
    await expect(in_force).to_contain_text(f"Version {found['version'] + 1}")


@pytest.mark.long
async def test_a_device_tells_what_it_can_and_its_token_is_replaced_and_revoked(page, scene):
    await scene.installation.connect_scanner(scene.data.credentials)
    await scene.until("device.connected", device_id=scene.data.device_id)
    await log_in(page, device_page(scene))
    detail = page.get_by_role("complementary", name="Device Simulated scanner")
    await expect(detail.get_by_label("Link", exact=True)).to_contain_text("connected")
    await expect(detail.get_by_label("Limits")).to_contain_text("mT/m")
    await expect(detail.get_by_label("Capabilities")).to_contain_text("Confirm a stop")
    await detail.get_by_role("button", name="New token").click()
    await page.get_by_role("button", name="Make a new token").click()
    shown = page.get_by_role("dialog").get_by_label("Token")
    await expect(shown).to_have_value(re.compile("^[0-9a-f]{64}$"))
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Download credentials").click()
    assert (await download.value).suggested_filename == "device_credentials.json"
    await page.get_by_role("button", name="Done").click()
    await expect(detail).to_contain_text("not connected", timeout=15_000)
    await detail.get_by_role("button", name="Revoke access").click()
    await page.get_by_role("dialog").get_by_role("button", name="Revoke access").click()
    await expect(page.get_by_role("dialog")).to_be_hidden()


@pytest.mark.long
async def test_a_device_that_scans_is_not_deleted_and_the_reason_is_told(page, scene):
    await start_a_scan(scene, page)
    await page.get_by_role("link", name="Devices").click()
    await page.get_by_role("row").filter(has_text="Simulated scanner").click()
    await page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog", name="Delete Simulated scanner")
    await dialog.get_by_role("textbox").fill("Simulated scanner")
    await dialog.get_by_role("button", name="Delete device").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("stop the scan first")
