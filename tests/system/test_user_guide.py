"""docs/user-guide.md, walked through from its beginning to its end in a real browser.

Its pictures are taken on the way. `make guide` writes them anew.
"""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from browser import opened_page
from conftest import Installation, started
from guide_administrator import an_administrators_day
from guide_book import Book, kept_pictures, named_pictures
from guide_house import opened_house, scan_the_first
from guide_technician import a_technicians_day
from ports import a_port

from scanhub_device.simulator import SimulatedScanner, SimulatorSettings

pytestmark = [pytest.mark.system, pytest.mark.browser, pytest.mark.timeout(900)]


@pytest.fixture
def dicom_port() -> int:
    return a_port()


@pytest.fixture
async def installation(tmp_path: Path, dicom_port: int) -> AsyncIterator[Installation]:
    """A server that listens to DICOM, tries to send once, and may make backups."""
    (tmp_path / "backups").mkdir()
    environment = {
        "SCANHUB_WORKFLOW_SERIES_QUIET_S": "0.5",
        "SCANHUB_WORKFLOW_DISPATCH_BACKOFF_S": "[]",
        "SCANHUB_BACKUP_DIR": str(tmp_path / "backups"),
    }
    installation = Installation(tmp_path, environment=environment)
    async with started(installation, "--dicom-port", str(dicom_port)):
        yield installation


def test_the_guide_shows_the_pictures_that_are_kept_and_no_others() -> None:
    assert named_pictures() == kept_pictures()


@pytest.mark.long
async def test_a_day_goes_as_the_guide_says(
    installation: Installation, dicom_port: int, tmp_path: Path
) -> None:
    (tmp_path / "pictures").mkdir()
    async with opened_house(installation, tmp_path) as house:
        settings = SimulatorSettings(time_scale=0)
        async with house.scene.scanner(SimulatedScanner(settings, name="Scanner 1")):
            await scan_the_first(house)
        settings = SimulatorSettings(time_scale=0.5)
        scanner = SimulatedScanner(settings, name="Scanner 1")
        seen = opened_page(installation.url, timezone_id="Europe/Berlin")
        async with house.scene.scanner(scanner), seen as page:
            book = Book(page, tmp_path / "pictures")
            await a_technicians_day(book, house)
            await an_administrators_day(book, house, dicom_port=dicom_port, archive_port=a_port())
            assert set(book.taken) == named_pictures()
