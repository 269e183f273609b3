"""An administrator's day, as docs/user-guide.md tells it."""

import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pydicom
from guide_book import Book
from guide_house import PASSWORD, House
from guide_technician import log_in_as
from playwright.async_api import Locator, Page, expect
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.sop_class import Verification
from test_browser_images import an_image

ACCESSION = "ACC-1867"
CONDITION = "tags.Modality == 'MR' and contains(tags.SeriesDescription, 't1')"


async def an_administrators_day(
    book: Book, house: House, *, dicom_port: int, archive_port: int
) -> None:
    page = book.page
    await log_in_as(page, "kim")
    await expect(page.get_by_role("heading", name="Worklist")).to_be_visible()
    await page.get_by_role("button", name="Account and settings").click()
    await page.get_by_role("menuitem", name="Light theme").click()
    await looks_after_the_scanner(book)
    await looks_after_the_library(book)
    with an_archive(archive_port):
        await adds_a_target(book, archive_port)
    await writes_a_rule(book)
    await uploads(book)
    await finds_what_failed(book, archive_port)
    await fetches(book, house, dicom_port)
    await looks_at_runs(book)
    await looks_after_people(book)
    await looks_after_the_platform(book)


async def go(page: Page, *names: str) -> None:
    """Go to a place of the main navigation, and from there to a page of its own."""
    menus = page.get_by_role("navigation")
    for name in names:
        await menus.get_by_role("link", name=name, exact=True).click()
    heading = {"Library": "Protocols", "Routing": "Rules"}.get(names[-1], names[-1])
    await expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()


@contextmanager
def an_archive(port: int) -> Iterator[None]:
    """Another system that takes images."""
    node = AE("ARCHIVE")
    node.supported_contexts = AllStoragePresentationContexts
    node.add_supported_context(Verification)
    handlers = [(evt.EVT_C_STORE, lambda _event: 0x0000)]
    server = node.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers)
    try:
        yield
    finally:
        server.shutdown()


def images() -> dict[str, Any]:
    """Return a zip archive with a study of somebody else, as a page takes it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(1, 5):
            archive.writestr(f"DICOM/IM{number}", with_accession(number))
        archive.writestr("DICOM/README.txt", "not an image")
    return {
        "name": "outside-study.zip",
        "mimeType": "application/zip",
        "buffer": file.getvalue(),
    }


def with_accession(number: int) -> bytes:
    image = pydicom.dcmread(io.BytesIO(an_image(number)))
    image.AccessionNumber = ACCESSION
    file = io.BytesIO()
    image.save_as(file, enforce_file_format=True)
    return file.getvalue()


async def looks_after_the_scanner(book: Book) -> None:
    page = book.page
    await go(page, "Devices")
    await page.get_by_test_id("table-row").filter(has_text="Scanner 1").click()
    detail = page.get_by_role("complementary", name="Device Scanner 1")
    await expect(detail.get_by_label("Limits")).to_contain_text("mT/m")
    await book.picture("device")


async def looks_after_the_library(book: Book) -> None:
    page = book.page
    await go(page, "Library")
    await page.get_by_test_id("table-row").filter(has_text="Head routine").click()
    detail = page.get_by_role("complementary", name="Protocol")
    await detail.get_by_role("button", name="New version").click()
    await expect(detail).to_contain_text("Version 2, shown")
    await detail.get_by_role("button", name="Edit T1 GRE axial").click()
    dialog = page.get_by_role("dialog", name="Edit T1 GRE axial")
    await dialog.get_by_label("Offset y").fill("12")
    await dialog.get_by_role("button", name="Save").click()
    changes = detail.get_by_role("region", name="Difference")
    await expect(changes).to_contain_text("y 12")
    await book.picture("protocol")
    await go(page, "Sequences")
    await page.get_by_test_id("table-row").filter(has_text="t1_gre").click()
    detail = page.get_by_role("complementary", name="Sequence t1_gre")
    await expect(detail.get_by_label("Verdicts")).to_contain_text("Fits")
    await book.picture("sequences")


async def adds_a_target(book: Book, port: int) -> None:
    page = book.page
    await go(page, "Routing", "Targets")
    await page.get_by_role("button", name="Add target").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name=re.compile(r"^DICOM\s?A DICOM node")).click()
    words = {
        "Name": "Archive",
        "Host": "127.0.0.1",
        "Port": str(port),
        "Called AE title": "ARCHIVE",
    }
    for label, text in words.items():
        await dialog.get_by_label(re.compile(f"^{label}")).fill(text)
    await dialog.get_by_role("button", name="Add target").click()
    detail = page.get_by_role("complementary", name="Target Archive")
    await detail.get_by_role("button", name="Test the connection").click()
    await expect(detail.get_by_label("What came of the test")).to_contain_text(
        "Images can be sent there."
    )
    await book.picture("target")


async def writes_a_rule(book: Book) -> None:
    """Written, tried on a file and on what came last, made without counting, then enabled."""
    page = book.page
    await go(page, "Rules")
    await page.get_by_role("button", name="New rule").click()
    await page.get_by_label("Name").fill("t1-to-archive")
    await page.get_by_label("Condition").fill(CONDITION)
    await page.get_by_role("checkbox", name="Archive").check()
    head = {"name": "head.dcm", "mimeType": "application/dicom", "buffer": with_accession(1)}
    await page.locator("input[type=file]").set_input_files([head])
    await expect(page.get_by_label("Outcome")).to_contain_text("Fires")
    await book.picture("rule")
    await page.get_by_role("button", name="On what came last").click()
    await expect(page.get_by_role("complementary", name="Try it out")).to_contain_text(
        "It would have fired for"
    )
    await book.picture("dry-run")
    await page.get_by_role("radio", name="Off", exact=True).click()
    await page.get_by_label("Why it is changed").fill("T1 images are read in the archive")
    await page.get_by_role("button", name="Make the rule").click()
    detail = page.get_by_role("complementary", name="Rule t1-to-archive")
    await detail.get_by_role("radio", name="Active").click()
    await expect(detail.get_by_label("Versions")).to_contain_text("Version 2")


async def uploads(book: Book) -> None:
    page = book.page
    await go(page, "Archive", "Upload")
    await page.get_by_label("Files", exact=True).set_input_files([images()])
    await page.get_by_test_id("table-row").filter(has_text="Done").click()
    detail = page.get_by_role("complementary", name="Import")
    await expect(detail).to_contain_text("4 stored, 1 no image")
    await book.picture("upload")


async def finds_what_failed(book: Book, archive_port: int) -> None:
    page = book.page
    await go(page, "Cases")
    row = page.get_by_test_id("table-row").filter(has_text="CURIE, Marie")
    await expect(row).to_contain_text("Failed", timeout=60_000)
    await row.click()
    case = page.get_by_role("complementary", name="Case")
    await expect(case).to_contain_text("refuses connections")
    await book.picture("case")
    await go(page, "Queue")
    await page.get_by_role("button", name="Pause sending").click()
    dialog = page.get_by_role("dialog", name="Pause sending")
    await dialog.get_by_label("Why").fill("The archive is serviced until noon")
    await dialog.get_by_role("button", name="Pause", exact=True).click()
    await expect(page.get_by_label("Paused", exact=True)).to_contain_text("serviced until noon")
    await page.get_by_role("group", name="Which").get_by_role("button", name="All").click()
    await expect(page.get_by_test_id("table-row").first).to_be_visible()
    await book.picture("queue")
    with an_archive(archive_port):
        await page.get_by_role("button", name="Go on with all targets").click()
        await go(page, "Cases")
        await row.click()
        await case.get_by_role("button", name="Send what is missing").click()
        await expect(row).to_contain_text("Done", timeout=60_000)
    await page.goto("/rules?id=t1-to-archive")
    line = page.get_by_role("list", name="What t1-to-archive does")
    await expect(line).to_contain_text("1 case")
    await book.picture("rule-fired")


async def fetches(book: Book, house: House, dicom_port: int) -> None:
    page = book.page
    # The server is a DICOM node like any other: it can be its own source.
    node = {"target_type": "dicom", "ip": "127.0.0.1", "port": dicom_port, "aet_target": "SCANHUB"}
    source = {**node, "name": "Outside-hospital", "direction": "pull"}
    await house.scene.api.call("POST", "/workflowmanager/targets", json=source)
    await go(page, "Archive", "Fetch")
    await page.get_by_role("button", name="Fetch studies").click()
    dialog = page.get_by_role("dialog", name="Fetch studies")
    await dialog.get_by_label("Accession numbers", exact=True).fill(f"{ACCESSION}\nACC-1903")
    await dialog.get_by_role("button", name="Look what there is").click()
    found = dialog.get_by_label("What the source has").get_by_role("listitem")
    await expect(found.filter(has_text=ACCESSION)).to_contain_text("1 series, 4 images")
    await book.picture("fetch")
    await dialog.get_by_role("button", name="Fetch 2 studies").click()
    detail = page.get_by_role("complementary", name="Retrieval")
    await expect(detail).to_contain_text("1 of 2 studies, 1 failed", timeout=60_000)


async def looks_at_runs(book: Book) -> None:
    page = book.page
    await go(page, "Health", "Runs")
    await page.get_by_test_id("table-row").first.click()
    run = page.get_by_role("complementary", name="Run")
    await expect(run.get_by_role("region", name="Timeline")).to_be_visible()
    await book.picture("runs")


async def looks_after_people(book: Book) -> None:
    page = book.page
    await go(page, "Admin", "Users")
    await page.get_by_role("button", name="Add user").click()
    dialog = page.get_by_role("dialog", name="Add user")
    words = {
        "User name": "grace",
        "First name": "Grace",
        "Last name": "Hopper",
        "E-mail": "grace@example.org",
        "First password": PASSWORD,
    }
    for label, text in words.items():
        await dialog.get_by_label(label).fill(text)
    await book.picture("add-user")
    await dialog.get_by_role("button", name="Add user").click()
    await expect(page.get_by_role("complementary", name="User grace")).to_be_visible()
    await go(page, "Audit log")
    await page.get_by_test_id("table-row").filter(has_text="User created").first.click()
    await expect(page.get_by_role("complementary", name="Entry")).to_contain_text("grace")
    await book.picture("audit")


async def looks_after_the_platform(book: Book) -> None:
    page = book.page
    await go(page, "Health")
    await expect(page.get_by_role("region", name="Targets")).to_contain_text("Archive")
    await expect(page.get_by_role("region", name="Disks")).to_be_in_viewport()
    await book.picture("health")
    await go(page, "Backups")
    await page.get_by_role("button", name="Back up now").click()
    made: Locator = page.get_by_role("status").filter(has_text="The backup is whole")
    await expect(made).to_be_visible(timeout=120_000)
    await page.get_by_test_id("table-row").first.click()
    await expect(page.get_by_role("complementary")).to_contain_text("scanhub restore")
    await book.picture("backup")
