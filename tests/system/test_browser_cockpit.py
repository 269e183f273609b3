"""The cockpit in a real browser: the queue, the parameters of a scan, what must not be overlooked.

docs/cockpit.md says which of these shows which requirement.
"""

import asyncio
import contextlib
import re
import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.async_api import Locator, Page, expect

sys.path.insert(0, str(Path(__file__).parent))

from browser import assert_accessible, log_in, opened_page
from conftest import Installation, Scene

from scanhub_device.simulator import SimulatedScanner, SimulatorSettings

pytestmark = [
    pytest.mark.system,
    pytest.mark.browser,
    pytest.mark.timeout(180),
]


@pytest.fixture
async def page(installation: Installation) -> AsyncIterator[Page]:
    async with opened_page(installation.url) as page:
        yield page


class HeldScanner:
    """Is half through a scan, and goes on when somebody says so."""

    def __init__(self) -> None:
        self._scanner = SimulatedScanner(SimulatorSettings(time_scale=0))
        self.details = self._scanner.details
        self.go_on = asyncio.Event()

    async def scan(self, scan: Any, /) -> None:
        await scan.report_progress(50)
        await self.go_on.wait()
        await self._scanner.scan(scan)


async def open_exam(page: Page, scene: Scene) -> Locator:
    """Log in at the exam; return the rows of its queue."""
    await log_in(page, f"/exams/{scene.data.exam_id}")
    rows = page.get_by_test_id("task-row")
    await expect(rows).to_have_count(2)
    await rows.first.click()
    return rows


def inspector(page: Page) -> Locator:
    return page.get_by_role("complementary", name="Inspector")


async def rename(page: Page, name: str) -> None:
    await inspector(page).get_by_label("Name").fill(name)
    await inspector(page).get_by_role("button", name="Save").click()
    row = page.get_by_test_id("task-row").filter(has_text=name)
    await expect(row).to_have_attribute("aria-current", "true")


async def test_the_queue_is_changed_by_keys_and_the_change_taken_back(page, scene):
    rows = await open_exam(page, scene)
    await page.keyboard.press("d")
    await expect(rows).to_have_count(4)
    await expect(rows.nth(2)).to_have_attribute("aria-current", "true")
    await rename(page, "Once more")
    await rows.nth(2).focus()
    await page.keyboard.press("Alt+ArrowUp")
    await expect(rows.first).to_contain_text("Once more")
    await scene.expect_order("Once more")
    await page.get_by_role("button", name="Undo: Order changed").click()
    await expect(rows.first).to_contain_text("GRE axial")
    await page.keyboard.press("Delete")
    await expect(rows).to_have_count(2)
    await page.get_by_role("button", name=re.compile("Undo: Once more")).click()
    await expect(rows).to_have_count(4)
    await scene.expect_order("GRE axial", "Reconstruction", "Once more", "Reconstruction")


@pytest.mark.long
async def test_what_runs_is_locked_while_the_next_scan_is_dragged_edited_and_added(page, scene):
    scanner = HeldScanner()
    async with scene.scanner(scanner):
        rows = await open_exam(page, scene)
        await page.get_by_role("button", name="Start scan").click()
        await scene.until("exam.task.progress", task_id=scene.data.acquisition_task_id)
        first = page.get_by_role("listitem").filter(has=rows.first)
        await expect(first.get_by_test_id("locked")).to_be_visible()
        await expect(page.get_by_test_id("queue-end")).to_contain_text("queue ends")
        await expect(inspector(page).get_by_label("Name")).to_be_disabled()
        await page.keyboard.press("a")
        panel = page.get_by_role("complementary", name="Add from protocol")
        for _ in range(2):
            await panel.get_by_role("button", name="Add scan GRE axial").click()
            await expect(panel.get_by_role("status")).to_contain_text("GRE axial added")
        await expect(rows).to_have_count(6)
        await panel.get_by_role("button", name="Close").click()
        await rows.nth(4).click()
        await rename(page, "Last")
        await rows.nth(4).drag_to(rows.nth(2))
        await expect(rows.nth(2)).to_contain_text("Last")
        await rows.nth(4).drag_to(rows.first)
        await expect(rows.first).to_contain_text("GRE axial")
        await scene.expect_order(
            *("GRE axial", "Reconstruction", "Last", "Reconstruction"),
            *("GRE axial", "Reconstruction"),
        )
        scanner.go_on.set()
        await scene.until("exam.task.finished", task_id=scene.data.acquisition_task_id)
        await repeat_and_do_not_delete(page, rows)


async def repeat_and_do_not_delete(page: Page, rows: Locator) -> None:
    await page.get_by_role("button", name="More for GRE axial").first.click()
    await page.get_by_role("menuitem", name="Repeat with a reason").click()
    form = page.get_by_role("form", name="Repeat GRE axial")
    await form.get_by_role("button", name="Plan the repeat").click()
    await expect(form).to_contain_text("A reason is needed")
    await form.get_by_role("combobox").fill("The patient moved")
    await form.get_by_role("button", name="Plan the repeat").click()
    await expect(rows.nth(2)).to_contain_text("Repeat: The patient moved")
    await page.get_by_role("button", name="More for GRE axial").first.click()
    await page.get_by_role("menuitem", name="Delete").click()
    dialog = page.get_by_role("dialog", name="Delete GRE axial with its data")
    await expect(dialog.get_by_role("button", name="Delete for good")).to_be_disabled()


@pytest.mark.long
async def test_a_row_of_the_queue_is_dragged_with_a_finger(scene, installation):
    async with opened_page(installation.url, has_touch=True) as page:
        rows = await open_exam(page, scene)
        await page.keyboard.press("d")
        await expect(rows).to_have_count(4)
        await rename(page, "Once more")
        places = []
        for row in (rows.nth(2), rows.first):
            box = await row.bounding_box()
            assert box
            places.append({"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 3})
        finger = await page.context.new_cdp_session(page)

        async def touch(kind: str, *points: dict[str, float]) -> None:
            await finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [*points]})

        await touch("touchStart", places[0])
        await expect(page.locator("[data-dragged]")).to_contain_text("Once more")
        await touch("touchMove", places[1])
        await expect(page.locator("[data-over]")).to_contain_text("GRE axial")
        await touch("touchEnd")
        await expect(rows.first).to_contain_text("Once more")
        await scene.expect_order("Once more")
        await expect(page.get_by_role("button", name="Undo: Order changed")).to_be_visible()


@pytest.mark.long
async def test_a_change_of_parameters_is_judged_before_it_is_stored(page, scene):
    async with scene.scanner(HeldScanner()):
        await open_exam(page, scene)
        side, start = inspector(page), page.get_by_role("button", name="Start scan")
        await expect(start).to_be_enabled()
        await side.get_by_label("FoV scaling y").fill("5000")
        await expect(side).to_contain_text(re.compile("5000 . is too large, the most is 1000"))
        await expect(side.get_by_label("FoV scaling y")).to_have_value("5000")
        await expect(side.get_by_role("button", name="Save")).to_be_disabled()
        for axis in "xyz":
            await side.get_by_label(f"FoV scaling {axis}").fill("0.5")
        effects = page.get_by_test_id("effects")
        voxel = effects.get_by_role("row").filter(has_text="Voxel")
        await expect(voxel).to_contain_text(re.compile("1 . 1 . 2.5"))
        for what in ("Scan time", "SAR", "PNS"):
            await expect(effects.get_by_role("row").filter(has_text=what)).to_be_visible()
        await expect(effects).to_contain_text("Cannot be started")
        await expect(page.get_by_test_id("start-reason")).to_contain_text("not saved")
        await expect(start).to_be_disabled()
        await assert_accessible(page)
        for axis in "xyz":
            await side.get_by_label(f"FoV scaling {axis}").fill("1")
        await side.get_by_label("FoV offset z").fill("-12,5")
        await side.get_by_role("checkbox", name="Frequency").click()
        await side.get_by_role("button", name="Save").click()
        changed = side.get_by_test_id("changed-acquisition_parameter.fov_offset")
        await expect(changed).to_contain_text("Protocol: 0 0 0")
        await expect(page.get_by_role("img", name=re.compile("FoV offset"))).to_be_visible()
        task = await scene.api.call("GET", f"/exam/task/{scene.data.acquisition_task_id}")
        assert task["acquisition_parameter"]["fov_offset"] == {"x": 0, "y": 0, "z": -12.5}
        await expect(start).to_be_enabled()
        await changed.get_by_role("button").click()
        await side.get_by_role("button", name="Save").click()
        await expect(changed).to_be_hidden()


@pytest.mark.long
async def test_two_people_at_one_exam_see_what_the_other_does(page, scene, installation):
    rows = await open_exam(page, scene)
    async with opened_page(installation.url) as other:
        their_rows = await open_exam(other, scene)
        await inspector(other).get_by_label("Name").fill("Theirs")
        await rows.first.focus()
        await page.keyboard.press("d")
        await expect(their_rows).to_have_count(4)
        await rows.first.click()
        await inspector(page).get_by_label("FoV offset x").fill("5")
        await inspector(page).get_by_role("button", name="Save").click()
        await expect(inspector(other)).to_contain_text("Somebody changed this scan meanwhile")
        await expect(inspector(other).get_by_label("FoV offset x")).to_have_value("5")
        await inspector(other).get_by_role("button", name="Save").click()
        await expect(rows.first).to_contain_text("Theirs")
        await expect(inspector(page).get_by_label("FoV offset x")).to_have_value("5")


@pytest.mark.long
async def test_a_whole_exam_is_done_without_a_mouse(page, scene):
    async with scene.scanner(HeldScanner()):
        await page.goto("/")
        await log_in(page)
        await expect(page.get_by_role("row").filter(has_text="First light")).to_be_visible()
        await page.keyboard.press("j")
        await page.keyboard.press("Enter")
        rows = page.get_by_test_id("task-row")
        await expect(rows).to_have_count(2)
        await page.keyboard.press("j")
        await expect(rows.nth(1)).to_have_attribute("aria-current", "true")
        await page.keyboard.press("k")
        await expect(rows.first).to_have_attribute("aria-current", "true")
        start = page.get_by_role("button", name="Start scan")
        await expect(start).to_be_enabled()
        for _ in range(80):
            if await start.evaluate("button => button === document.activeElement"):
                break
            await page.keyboard.press("Tab")
        await expect(start).to_be_focused()
        await page.keyboard.press("Space")
        await scene.until("exam.task.progress", task_id=scene.data.acquisition_task_id)
        await page.keyboard.down("Escape")
        await scene.until("exam.task.canceled", task_id=scene.data.acquisition_task_id)
        await page.keyboard.up("Escape")
        await expect(rows.first).to_contain_text(re.compile("stopped", re.IGNORECASE))


@pytest.mark.long
async def test_stop_and_the_patient_are_in_reach_while_the_palette_is_open(page, scene):
    async with scene.scanner(HeldScanner()):
        await open_exam(page, scene)
        await page.get_by_role("button", name="Start scan").click()
        await scene.until("exam.task.progress", task_id=scene.data.acquisition_task_id)
        await page.keyboard.press("Control+k")
        palette = page.get_by_role("dialog", name="Go to")
        await expect(palette).to_be_visible()
        box = await palette.bounding_box()
        banner = await page.get_by_test_id("patient-banner").bounding_box()
        assert box
        assert banner
        assert box["y"] >= banner["y"] + banner["height"]
        await page.get_by_role("button", name="Stop scanner").click()
        await scene.until("exam.task.canceled", task_id=scene.data.acquisition_task_id)


@pytest.mark.long
async def test_a_dead_link_is_not_overlooked_and_stop_stays(page, scene):
    async with scene.scanner(HeldScanner()):
        await open_exam(page, scene)
        start = page.get_by_role("button", name="Start scan")
        await expect(start).to_be_enabled()
        await page.context.set_offline(True)
        await expect(start).to_be_disabled()
        bar = page.get_by_test_id("stale-bar")
        await expect(bar).to_contain_text("STOP still works")
        await expect(page.get_by_role("button", name="Stop scanner")).to_be_enabled()
        await page.context.set_offline(False)
        await expect(bar).to_be_hidden()
        await expect(start).to_be_enabled()


def add_exams(database: Path, count: int) -> None:
    """Write so many exams beside the first one, each of a patient of its own."""
    with contextlib.closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        connection.row_factory = sqlite3.Row
        [patient] = connection.execute("SELECT * FROM patient LIMIT 1")
        [exam] = connection.execute("SELECT * FROM exam WHERE NOT is_template LIMIT 1")
        for at in range(count):
            name, number, patient_id = f"Patient{at:05d}", f"P{at}", uuid4().hex
            named = {"last_name": name, "search_text": name.lower()}
            numbered = {"patient_id": number, "patient_id_folded": number.lower()}
            insert(connection, "patient", {**patient, **named, **numbered, "id": patient_id})
            study = {"study_instance_uid": f"2.25.{at}", "accession_folded": None}
            ids = {"id": uuid4().hex, "patient_id": patient_id, "day": "2026-01-01"}
            insert(connection, "exam", {**exam, **study, **ids})


def insert(connection: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    names, marks = ", ".join(row), ", ".join("?" * len(row))
    statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - of this file
    connection.execute(statement, tuple(row.values()))


@pytest.mark.long
async def test_ten_thousand_exams_are_searched_and_columns_and_filters_remembered(page, scene):
    databases = scene.installation.data_dir / "data" / "databases"
    await asyncio.to_thread(add_exams, databases / "exam-manager.sqlite", 10_000)
    await log_in(page, "/?days=all")
    table = page.get_by_role("table", name="Worklist")
    await expect(table).to_have_attribute("aria-rowcount", "201")
    assert await page.get_by_test_id("table-row").count() < 80
    await table.evaluate("table => table.scrollTo(0, table.scrollHeight)")
    await expect(table).to_have_attribute("aria-rowcount", "401")
    await page.get_by_role("button", name="Columns").click()
    await page.get_by_role("menuitemcheckbox", name="Born").click()
    await page.keyboard.press("Escape")
    await expect(table.get_by_role("columnheader", name="Born")).to_be_hidden()
    await page.keyboard.type("P4711", delay=0)
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile("q=P4711"))
    await expect(table).to_have_attribute("aria-rowcount", "2")
    await expect(page.get_by_test_id("table-row")).to_be_focused()
    await page.reload()
    await expect(table).to_have_attribute("aria-rowcount", "2")
    await expect(table).to_contain_text("PATIENT04711")
    await expect(table.get_by_role("columnheader", name="Born")).to_be_hidden()


@pytest.mark.long
async def test_the_worklist_is_narrowed_by_state_and_device(page, scene):
    await log_in(page)
    table = page.get_by_role("table", name="Worklist")
    states = page.get_by_role("group", name="State of the exam")
    await expect(states.get_by_role("button", name="Planned 1")).to_be_visible()
    await states.get_by_role("button", name="Done 0").click()
    await expect(page.get_by_text("No such exam today")).to_be_visible()
    await expect(page).to_have_url(re.compile("state=done"))
    await page.get_by_role("button", name="Show every state and device").click()
    await page.get_by_role("combobox", name="Device").click()
    await page.get_by_role("option", name="Simulated scanner").click()
    await expect(table).to_have_attribute("aria-rowcount", "2")
    await page.get_by_role("button", name="All days").click()
    await expect(page).to_have_url(re.compile("device="))
    await expect(table).to_have_attribute("aria-rowcount", "2")
    await assert_accessible(page)


@pytest.mark.long
async def test_what_a_scan_has_to_mind_is_in_sight_asked_for_and_confirmed(page, scene):
    patient = await scene.api.call("GET", f"/patient/{scene.data.patient_id}")
    flags = {"implants": ["Pacemaker"], "allergies": ["Gadobutrol"]}
    await scene.api.call("PUT", f"/patient/{patient['id']}", json={**patient, **flags})
    url = f"/exam/{scene.data.exam_id}"
    exam = await scene.api.call("GET", url)
    untold = {**exam, "patient_position": None, "status": "UPDATED"}
    await scene.api.call("PUT", url, json=untold)
    async with scene.scanner(SimulatedScanner(SimulatorSettings(time_scale=0))):
        await open_exam(page, scene)
        banner = page.get_by_test_id("patient-banner")
        await expect(banner.get_by_role("button", name="Implant")).to_be_visible()
        await expect(banner.get_by_role("button", name="Allergy")).to_be_visible()
        start = page.get_by_role("button", name="Start scan")
        reason = page.get_by_test_id("start-reason")
        await expect(reason).to_contain_text("How the patient lies is not told")
        await expect(start).to_be_disabled()
        await reason.get_by_role("button").click()
        await page.get_by_role("menuitem", name="Feet first, supine").click()
        await expect(banner.get_by_role("button", name="Patient position")).to_have_text("FFS")
        await assert_accessible(page)
        await start.click()
        refused = page.get_by_role("alert").filter(has_text="was not started")
        await expect(refused).to_contain_text("has an implant")
        await refused.get_by_role("button", name="Confirm and start").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Why the scan is needed").fill("Conditional at this field")
        await dialog.get_by_role("button", name="Confirm and start").click()
        await scene.until("acquisition.finished")
        [task] = [
            task
            for workflow in (await scene.api.call("GET", url))["workflows"]
            for task in workflow["tasks"]
            if task["task_type"] == "ACQUISITION"
        ]
        limits = task["acquisition_limits"]
        assert (limits["patient_position"], limits["has_implant"]) == ("FFS", True)
        await expect(inspector(page)).to_contain_text("Feet first, supine (FFS)")
