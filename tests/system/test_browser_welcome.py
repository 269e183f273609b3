"""An empty installation in a real browser: somebody who never saw it makes the first scan."""

import re
import sys
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

sys.path.insert(0, str(Path(__file__).parent))

from browser import assert_accessible, log_in, opened_page

pytestmark = [
    pytest.mark.system,
    pytest.mark.browser,
    pytest.mark.timeout(240),
]


@pytest.fixture
async def page(installation):
    async with opened_page(installation.url) as page:
        yield page


async def become_the_first_user(page: Page) -> None:
    await page.goto("/")
    words = {
        "User name": "ada",
        "First name": "Ada",
        "Last name": "Lovelace",
        "E-mail": "ada@example.org",
        "Repeat the password": "eleven blue herons",
    }
    for label, text in words.items():
        await page.get_by_label(label).fill(text)
    await page.get_by_label("Password", exact=True).fill("eleven blue herons")
    await page.get_by_role("button", name="Create the first user").click()
    await expect(page.get_by_role("heading", name="Get started")).to_be_visible()


async def register_somebody(page: Page) -> None:
    await page.get_by_role("button", name="Register patient").click()
    dialog = page.get_by_role("dialog")
    words = {
        "Last name": "Phantom",
        "First name": "Max",
        "Birth date": "1980-02-03",
        "Weight": "75",
        "Height": "180",
    }
    for label, text in words.items():
        await dialog.get_by_label(label).fill(text)
    await dialog.get_by_role("button", name="Register").click()


@pytest.mark.long
async def test_a_newcomer_makes_the_first_scan_of_an_empty_installation(page):
    await become_the_first_user(page)
    await assert_accessible(page)
    # What is done opens what is next: nobody is told where to click.
    await page.get_by_role("button", name="Start a simulated scanner").click()
    await page.get_by_role("button", name="Use Quick look").click(timeout=60_000)
    await register_somebody(page)
    await page.get_by_role("button", name=re.compile("Start an exam for PHANTOM")).click()
    await page.get_by_label("Indication").fill("First light")
    await page.get_by_role("combobox", name="Patient position").click()
    await page.get_by_role("option", name="Head first, supine").click()
    await page.get_by_role("button", name="Open exam").click()
    start = page.get_by_role("button", name="Start scan")
    await expect(start).to_be_enabled(timeout=60_000)
    await start.click()
    row = page.get_by_test_id("task-row").filter(has_text="reconstruction")
    await expect(row).to_contain_text(re.compile("finished|done", re.IGNORECASE), timeout=120_000)
    await page.goto("/welcome")
    await expect(page.get_by_role("heading", name="Everything is set up")).to_be_visible()
    await assert_accessible(page)


async def test_the_library_tells_what_a_protocol_plays(page, scene):
    await log_in(page, "/protocols")
    await page.get_by_role("row").filter(has_text="First light").click()
    detail = page.get_by_role("complementary", name="Protocol")
    await expect(detail.get_by_role("region", name="Plan")).to_contain_text("GRE axial")
    await assert_accessible(page)


@pytest.mark.long
async def test_a_protocol_is_released_revised_changed_and_compared(page, scene):
    await log_in(page, "/protocols")
    await page.get_by_role("row").filter(has_text="First light").click()
    detail = page.get_by_role("complementary", name="Protocol")
    await detail.get_by_role("button", name="Release").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("textbox").fill("Checked on the phantom")
    await dialog.get_by_role("button", name="Release").click()
    await expect(detail).to_contain_text("Checked on the phantom")
    await detail.get_by_role("button", name="New version").click()
    await expect(detail).to_contain_text("Version 2, shown")
    await detail.get_by_role("button", name="Edit GRE axial").click()
    dialog = page.get_by_role("dialog", name="Edit GRE axial")
    await dialog.get_by_label("Offset y").fill("12")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog).to_be_hidden()
    changes = detail.get_by_role("region", name="Difference")
    await expect(changes).to_contain_text("FoV offset")
    await expect(changes).to_contain_text("y 12")
    await assert_accessible(page)


@pytest.mark.long
async def test_a_user_is_added_and_what_was_done_stands_in_the_audit_log(page, scene):
    await log_in(page, "/users")
    await page.get_by_role("button", name="Add user").click()
    dialog = page.get_by_role("dialog", name="Add user")
    words = {"User name": "grace", "First name": "Grace", "Last name": "Hopper"}
    for label, text in words.items():
        await dialog.get_by_label(label).fill(text)
    await dialog.get_by_label("First password").fill("handed-over-on-paper")
    await dialog.get_by_role("button", name="Add user").click()
    await expect(page.get_by_role("complementary", name="User grace")).to_contain_text("None.")
    await assert_accessible(page)
    await page.goto("/audit?action=user.created")
    await page.get_by_role("row").filter(has_text="User created").first.click()
    await expect(page.get_by_role("complementary", name="Entry")).to_contain_text("grace")
    await assert_accessible(page)
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Export").click()
        await page.get_by_role("menuitem", name="JSON lines").click()
    file = await (await download.value).path()
    assert "user.created" in Path(file).read_text()
