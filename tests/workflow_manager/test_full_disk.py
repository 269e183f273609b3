"""A disk that is really full: whoever got success has an image here, the others keep theirs."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from images import SERIES
from raw_sender import RawSender, store
from test_node import Running, data_set
from test_redo import of_another_start, received
from workflow_service import until

from scanhub_libraries.database import create_engine, create_sessions, sqlite_url
from scanhub_libraries.lake import LocalLake
from workflow_manager.dicom.incoming import Durability, IncomingFolder
from workflow_manager.dicom.node import DicomNode
from workflow_manager.dicom.redo import Redo

pytestmark = pytest.mark.timeout(240)
MANY, SIDE = 24, 256  # images of 128 KiB


class Disk:
    """A file system in memory, of just so many bytes."""

    def __init__(self, folder):
        self.folder = folder

    def resize(self, kibibytes):
        options = ["-o", f"remount,size={kibibytes}k"]
        subprocess.run(["mount", *options, str(self.folder)], check=True)


@contextmanager
def mounted(kibibytes):
    folder = Path(tempfile.mkdtemp(prefix="scanhub-disk-"))
    command = ["mount", "-t", "tmpfs", "-o", f"size={kibibytes}k", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount")
    if done.returncode:
        folder.rmdir()
        pytest.skip("mounting a file system takes a right that this user does not have")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
        folder.rmdir()


def send(port, numbers):
    """Send images over one association; return those that were answered with success."""
    sender, stored = RawSender(port), set()
    for number in numbers:
        sender.send(store(f"{SERIES}.{number}", data_set(number, size=SIDE), message_id=number))
        answered, status = sender.status()
        assert answered == number
        assert status in {0x0000, 0xA700}, hex(status)
        if status == 0:
            stored.add(number)
    sender.release()
    return stored


async def there(here):
    """Return the numbers in the index; each has its whole file."""
    rows = await here.rows()
    for row in rows:
        content = here.lake.path(row.key).read_bytes()
        assert content.endswith(data_set(row.instance_number, size=SIDE))
    return {row.instance_number for row in rows}


@pytest.mark.parametrize("what", ["images", "images and database"])
async def test_a_disk_that_fills_costs_a_status_and_no_image(
    make_settings, empty_file, tmp_path, what
):
    with mounted(1800) as disk:
        changes = {"lake_root": disk.folder / "lake", "dicom_port": 0, "dicom_min_free_bytes": 0}
        if what != "images":
            database = disk.folder / "workflow.sqlite"
            shutil.copyfile(empty_file("workflow_manager"), database)
            disk.resize(1800 + database.stat().st_size // 1024)
            changes["database_url"] = sqlite_url(database)
        settings = make_settings(**changes)
        engine = create_engine(settings.database_url)
        node = DicomNode(settings, create_sessions(engine), LocalLake(settings.lake_root))
        await node.start()
        here = Running(node, create_sessions(engine), LocalLake(settings.lake_root))
        try:
            numbers = range(1, MANY + 1)
            stored = await asyncio.to_thread(send, node.port, numbers)
            assert 0 < len(stored) < MANY  # the disk was full in the middle, or nothing is shown
            assert stored <= await there(here)
            disk.resize(64 * 1024)
            for path in here.incoming():
                os.utime(path, (0, 0))
            await node.leftovers.recover()
            missing = [number for number in numbers if number not in stored]
            assert await asyncio.to_thread(send, node.port, missing) == set(missing)
            assert await there(here) == set(numbers)
            assert (await here.series()).number_of_series_related_instances == MANY
            await until(lambda: not here.incoming())
        finally:
            await node.stop()
            await engine.dispose()


async def test_a_folder_that_cannot_be_made_keeps_the_image_where_it_was(make_settings):
    """mercure lost such a series: it was in no folder any more."""
    settings = make_settings(dicom_port=0, dicom_min_free_bytes=0)
    settings.lake_root.mkdir()
    engine = create_engine(settings.database_url)
    node = DicomNode(settings, create_sessions(engine), LocalLake(settings.lake_root))
    await node.start()
    here = Running(node, create_sessions(engine), LocalLake(settings.lake_root))
    study = settings.lake_root / "dicom" / "1.2.826.0.1.3680043.8.498.1"
    try:
        study.write_text("a file where a folder has to be")
        assert await here.send() == 0xA700
        assert await here.rows() == []
        (left,) = here.incoming()
        assert left.read_bytes().endswith(data_set())
        study.unlink()
        os.utime(left, (0, 0))
        assert await node.leftovers.recover() == 1
        assert len(await here.rows()) == 1
        await until(lambda: not here.incoming())
    finally:
        await node.stop()
        await engine.dispose()


async def lost_image(folder):
    """Take an image that was answered with success, as a power cut may; return its copy's place."""
    folder.mkdir(parents=True)
    redo = Redo(folder)
    incoming = IncomingFolder(folder, Durability.SYNCED, redo=redo)
    received(incoming).unlink()  # lets the segment be made
    await until(lambda: redo._segments)
    path = received(incoming, 2)
    (segment,) = folder.glob("*.redo")
    content = segment.read_bytes()
    path.unlink()
    redo.close()
    segment.write_bytes(content)
    of_another_start(folder)
    return segment


async def test_what_a_full_disk_cannot_take_back_is_told_and_kept(serving):
    """The copies of a power cut stay until there is room for them."""
    with mounted(1200 * 1024) as disk:  # with less there are no copies
        lake = disk.folder / "lake"
        segment = await lost_image(lake / "dicom" / "incoming" / "dead")
        space = os.statvfs(disk.folder)
        disk.resize((space.f_blocks - space.f_bfree) * space.f_frsize // 1024)

        async with serving(lake_root=lake, dicom_min_free_bytes=0) as service:

            async def images():
                health = service.app.state.health
                health._seen = None  # what was seen a moment ago
                return next(part for part in (await health.detail()).parts if part.kind == "disk")

            assert (await images()).state == "failing"
            assert "cannot be restored yet: No space left" in (await images()).detail
            leftovers = service.app.state.health._node.leftovers
            await leftovers.recover()
            assert segment.exists()
            disk.resize(64 * 1024)
            await leftovers.recover()
            assert not segment.exists()
            assert len(await service.get("/dicomweb/instances")) == 1
            assert "restored" not in (await images()).detail
