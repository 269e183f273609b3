"""A technician's day, as docs/user-guide.md tells it."""

import asyncio
import re

from browser import log_in
from guide_book import Book
from guide_house import PASSWORD, TECHNICIAN, House
from playwright.async_api import Locator, Page, expect

DONE = re.compile("finished|done", re.IGNORECASE)


async def a_technicians_day(book: Book, house: House) -> None:
    page = book.page
    await comes_to_work(book)
    await registers_and_plans(book)
    await prepares(book)
    await scans(book)
    await repeats(book)
    await looks(book)
    await measures(book)
    await compares(book)
    await looks_at_what_is_behind(book)
    await sends(book)
    await is_asked_for_a_word(book, house)
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    await book.picture("keyboard")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Close exam").click()
    await page.get_by_role("button", name="Account and settings").click()
    await page.get_by_role("menuitem", name="Log out").click()
    await expect(page.get_by_role("button", name="Log in")).to_be_visible()


def row(page: Page, name: str) -> Locator:
    return page.get_by_test_id("task-row").filter(has_text=name)


async def comes_to_work(book: Book) -> None:
    page = book.page
    await page.goto("/")
    await page.get_by_label("User name").fill(TECHNICIAN["username"])
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await book.picture("login")
    await page.get_by_role("button", name="Log in").click()
    table = page.get_by_role("table", name="Worklist")
    await expect(table.get_by_role("row")).to_have_count(6)
    await book.picture("worklist")
    found = page.get_by_placeholder("Find by name, ID, birth date, exam")
    await found.fill("noe")
    await expect(table.get_by_role("row")).to_have_count(2)
    await expect(table).to_contain_text("NOETHER, Emmy")
    await found.fill("")


async def registers_and_plans(book: Book) -> None:
    page = book.page
    await page.get_by_role("button", name="Register patient").click()
    dialog = page.get_by_role("dialog")
    words = {
        "Last name": "Lovelace",
        "First name": "Ada",
        "Patient ID": "P-1815",
        "Birth date": "1985-12-10",
        "Weight": "62",
        "Height": "168",
        "Allergies": "Gadobutrol",
    }
    for label, text in words.items():
        await dialog.get_by_label(label).fill(text)
    choices = {
        "Sex": "Female",
        "Implants or metal in the body": "None",
        "Pregnancy": "Not pregnant",
    }
    for label, text in choices.items():
        await dialog.get_by_role("combobox", name=label).click()
        await page.get_by_role("option", name=text, exact=True).click()
    await book.picture("register-patient")
    await dialog.get_by_role("button", name="Register").click()
    dialog = page.get_by_role("dialog", name="Start an exam for LOVELACE, Ada")
    await expect(dialog.get_by_label("Exam name")).to_have_value("Head routine")
    await dialog.get_by_label("Indication").fill("Migraine with aura")
    await book.picture("start-exam")
    await dialog.get_by_role("button", name="Open exam").click()


async def prepares(book: Book) -> None:
    """How the patient lies, and what a change of the plan would do."""
    page = book.page
    await expect(page.get_by_test_id("task-row")).to_have_count(4)
    reason = page.get_by_test_id("start-reason")
    await expect(reason).to_contain_text("How the patient lies is not told")
    await expect(page.get_by_label("Safety check")).to_be_visible()
    await book.picture("cockpit")
    await page.get_by_test_id("patient-banner").get_by_role("button", name="Position?").click()
    await page.get_by_role("menuitem", name="Head first, supine").click()
    await expect(page.get_by_role("button", name="Start scan")).to_be_enabled()
    await row(page, "T1 GRE").click()
    side = page.get_by_role("complementary", name="Inspector")
    await side.get_by_label("FoV offset z").fill("6")
    effects = page.get_by_test_id("effects")
    await expect(effects.get_by_role("row").filter(has_text="SAR")).to_be_visible()
    await expect(effects).not_to_contain_text("…")
    await side.get_by_label("FoV scaling z").evaluate("field => field.scrollIntoView()")
    await book.picture("parameters")
    await side.get_by_role("button", name="Save").click()
    await expect(side.get_by_test_id("changed-acquisition_parameter.fov_offset")).to_be_visible()


async def start(page: Page, name: str) -> None:
    await row(page, name).first.click()
    button = page.get_by_role("button", name="Start scan")
    await expect(button).to_be_enabled()
    await button.click()


async def scans(book: Book) -> None:
    """A quick look, then a scan that is paused and, as the patient moved, stopped."""
    page = book.page
    await start(page, "Localiser")
    await expect(row(page, "Localiser images")).to_contain_text(DONE, timeout=120_000)
    await start(page, "T1 GRE")
    await expect(page.get_by_role("img", name=re.compile("Preview of T1 GRE"))).to_be_visible(
        timeout=120_000
    )
    await page.get_by_role("button", name="Pause", exact=True).click()
    await expect(page.get_by_role("button", name="Go on", exact=True)).to_be_enabled()
    await book.picture("scanning")
    await page.get_by_role("button", name="Go on", exact=True).click()
    await expect(page.get_by_role("button", name="Pause", exact=True)).to_be_enabled()
    await page.get_by_role("button", name="Stop scanner").click()
    notice = page.get_by_role("alert").filter(has_text="Stop confirmed")
    await expect(notice).to_be_visible()
    await book.picture("stopped")
    await notice.get_by_role("button", name="Dismiss message").click()


async def repeats(book: Book) -> None:
    page = book.page
    await page.get_by_role("button", name="More for T1 GRE axial").click()
    await page.get_by_role("menuitem", name="Repeat with a reason").click()
    form = page.get_by_role("form", name="Repeat T1 GRE axial")
    await form.get_by_role("combobox").fill("Patient moved")
    await book.picture("repeat")
    await form.get_by_role("button", name="Plan the repeat").click()
    again = row(page, "Repeat: Patient moved")
    await expect(again).to_be_visible()
    await start(page, "Repeat: Patient moved")
    await expect(row(page, "T1 images").last).to_contain_text(DONE, timeout=180_000)


async def looks(book: Book) -> None:
    page = book.page
    await row(page, "T1 images").last.click()
    await expect(page.get_by_test_id("slice")).to_have_text("Slice 9/16", timeout=60_000)
    await expect(page.get_by_test_id("viewer-overlay")).to_be_visible()
    await book.picture("images")
    await page.get_by_role("button", name="Three planes").click()
    await expect(page.locator("[data-testid=planes] [data-ready]")).to_be_visible(timeout=60_000)
    await book.picture("planes")
    await page.get_by_role("button", name="All images").click()
    await expect(page.get_by_role("button", name="Image 16")).to_be_visible()
    await book.picture("all-images")
    await page.get_by_role("button", name="One image").click()


async def drag(page: Page, begin: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag from one place of the image to another, both as shares of its width and height."""
    box = await page.get_by_test_id("viewer-canvas").bounding_box()
    assert box
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (begin, end)]
    await page.mouse.move(*places[0])
    await page.mouse.down()
    await page.mouse.move(*places[1], steps=6)
    await page.mouse.up()


async def measures(book: Book) -> None:
    page = book.page
    drawn = page.get_by_test_id("viewer-canvas").locator("svg.svg-layer")
    await expect(page.get_by_test_id("slice")).to_have_text("Slice 9/16")
    await page.get_by_role("button", name="Measure a length").click()
    await drag(page, (0.36, 0.5), (0.64, 0.5))
    await expect(drawn).to_contain_text("mm")
    await page.get_by_role("button", name="Point at something").click()
    await drag(page, (0.68, 0.3), (0.8, 0.2))
    await page.get_by_role("textbox", name="Words").fill("compare with 2024")
    await page.get_by_role("button", name="Keep").click()
    listed = page.get_by_role("button", name="Annotations: 2")
    await listed.click()
    panel = page.get_by_role("complementary", name="Annotations")
    await expect(panel).to_contain_text("compare with 2024")
    await book.picture("annotations")
    await panel.get_by_role("button", name="Close the list of annotations").click()


DRAWN_INSIDE = """() => {
  const canvas = document.querySelector("[data-testid=viewer-canvas]");
  const right = canvas.getBoundingClientRect().right;
  const lines = [...canvas.querySelectorAll("svg.svg-layer line")];
  return lines.length > 0 && lines.every((line) => line.getBoundingClientRect().right <= right);
}"""
"""What is drawn follows its image, which has half the room now."""


async def compares(book: Book) -> None:
    page = book.page
    await page.get_by_role("combobox", name="Compare with").click()
    await page.get_by_role("option", name=re.compile("Localiser")).click()
    await expect(page.get_by_test_id("viewer-overlay")).to_have_count(2, timeout=60_000)
    async with asyncio.timeout(30):  # the page allows no wait_for_function: it evaluates a text
        while not await page.evaluate(DRAWN_INSIDE):
            await asyncio.sleep(0.05)
    await book.picture("compare")


async def looks_at_what_is_behind(book: Book) -> None:
    """What was played, and what was measured."""
    page = book.page
    await row(page, "Repeat: Patient moved").click()
    await page.get_by_role("tab", name="Sequence").click()
    await expect(page.get_by_test_id("line-plot")).to_have_count(6)
    for _ in range(9):
        await page.get_by_role("button", name="Closer (+)").click()
    await expect(page.get_by_test_id("sequence-window")).to_contain_text("every vertex drawn")
    await book.picture("sequence")
    await page.get_by_role("tab", name="Raw data").click()
    await page.get_by_role("button", name="K-space").click()
    await expect(page.get_by_test_id("under-kspace")).to_contain_text("readouts")
    await book.picture("k-space")
    await page.get_by_role("tab", name="Images").click()


async def sends(book: Book) -> None:
    """By itself, and once more by hand."""
    page = book.page
    side = page.get_by_role("complementary", name="Inspector")
    sent = side.get_by_role("region", name="Sent to")
    await expect(sent).to_contain_text("PACS")
    await expect(sent).to_contain_text(re.compile("16/16"), timeout=60_000)
    await side.get_by_role("region", name="Timeline").scroll_into_view_if_needed()
    await book.picture("results")
    await page.get_by_role("link", name="Archive").click()
    await page.get_by_test_id("table-row").filter(has_text="LOVELACE, Ada").click()
    await expect(page.get_by_test_id("viewer-overlay")).to_be_visible(timeout=60_000)
    await page.get_by_role("button", name="Send study").click()
    dialog = page.get_by_role("dialog", name="Send the study")
    await dialog.get_by_role("combobox", name="Target").click()
    await page.get_by_role("option", name="PACS").click()
    await book.picture("send")
    await dialog.get_by_label("Also what is there already").check()
    await dialog.get_by_role("button", name="Send", exact=True).click()
    await expect(page.get_by_role("heading", name="Queue", exact=True)).to_be_visible()
    await expect(page.get_by_test_id("table-row").first).to_contain_text("PACS")


async def is_asked_for_a_word(book: Book, house: House) -> None:
    """Whose patient has an implant has to weigh it."""
    page = book.page
    await page.goto(f"/exams/{house.exams['Hopper']}")
    await start(page, "Localiser")
    refused = page.get_by_role("alert").filter(has_text="was not started")
    await refused.get_by_role("button", name="Confirm and start").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Why the scan is needed").fill("Conditions of the implant are met")
    await book.picture("confirm")
    await dialog.get_by_role("button", name="Cancel").click()
    await refused.get_by_role("button", name="Dismiss message").click()


async def log_in_as(page: Page, username: str) -> None:
    await log_in(page, "/", username, PASSWORD)
