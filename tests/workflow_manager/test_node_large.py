"""Long series and large objects: all of it arrives, and memory does not grow with it."""

import asyncio
import hashlib
import shutil
import sqlite3
import struct
from pathlib import Path

import pytest
from images import SERIES, instance
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from raw_sender import RawSender, pdu, pdv, store, store_command
from test_node_kill import Place, assert_all_there
from workflow_service import a_port, until

MIB = 2**20
pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def place(tmp_path, empty_file):
    return Place(tmp_path, a_port(), empty_file("workflow_manager"))


def multi_frame(frames, edge):
    """An image with functional groups for each frame, as Enhanced MR has them."""
    dataset = instance(1)
    groups = []
    for number in range(frames):
        position, group = Dataset(), Dataset()
        position.ImagePositionPatient = [0, 0, number]
        group.PlanePositionSequence = [position]
        groups.append(group)
    dataset.PerFrameFunctionalGroupsSequence = groups
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = frames, edge, edge
    dataset.PixelData = bytes(range(256)) * (frames * edge * edge * 2 // 256)
    for element in dataset.iterall():
        element.is_undefined_length = element.VR == "SQ"
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, dataset)
    return buffer.getvalue()


def resident(pid):
    """Memory of a process [byte]."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


async def stopped(place, process):
    await until(lambda: not place.left())
    process.stdin.close()
    assert await asyncio.wait_for(process.wait(), 60) == 0


def sent(port, data):
    sender = RawSender(port)
    sender.send(store(f"{SERIES}.1", data))
    answer = sender.status()
    sender.release()
    return answer


@pytest.mark.parametrize(
    ("frames", "edge"),
    [(200, 32), pytest.param(200, 256, marks=pytest.mark.long)],
    ids=["0.4 MB", "26 MB"],
)
async def test_an_object_of_many_frames_is_stored_and_costs_no_memory(place, frames, edge):
    data = multi_frame(frames, edge)
    process, (pid,) = await place.start()
    before = resident(pid)
    assert await asyncio.to_thread(sent, place.port, data) == (1, 0)
    assert resident(pid) - before < 16 * MIB
    (key,) = place.rows().values()
    assert (place.folder / "lake" / key).read_bytes().endswith(data)
    await stopped(place, process)


@pytest.mark.parametrize(
    "count", [300, pytest.param(10_000, marks=pytest.mark.long)], ids=["300", "10,000"]
)
async def test_a_long_series_arrives_whole_and_costs_no_memory(place, count):
    process, (pid,) = await place.start()
    first, rest = set(range(1, count // 5 + 1)), set(range(count // 5 + 1, count + 1))
    assert await asyncio.to_thread(place.send, first) == first
    before = resident(pid), resident(process.pid)
    assert await asyncio.to_thread(place.send, rest) == rest
    assert resident(pid) - before[0] < 16 * MIB
    assert resident(process.pid) - before[1] < 32 * MIB
    await stopped(place, process)
    assert_all_there(place, first | rest)


def send_zeros(port, size):
    """Send an image whose pixels are so many zeros; return the answer and the checksum of it."""
    dataset = instance(1)
    del dataset.PixelData
    dataset.Rows = dataset.Columns = 1024
    dataset.NumberOfFrames = size // (2 * MIB)
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, dataset)
    head = buffer.getvalue() + struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OW", 0, size)
    digest, zeros = hashlib.sha256(b"1.2.840.10008.1.2.1" + head), bytes(MIB)
    sender = RawSender(port)
    sender.socket.settimeout(300)
    sender.send(pdu(pdv(store_command(f"{SERIES}.1"), command=True, last=True)))
    sender.send(pdu(pdv(head, command=False, last=False)))
    for left in range(size // MIB, 0, -1):
        sender.send(pdu(pdv(zeros, command=False, last=left == 1)))
        digest.update(zeros)
    answer = sender.status()
    sender.release()
    return answer, digest.hexdigest()


@pytest.mark.long
async def test_an_object_of_more_than_two_gibibytes_is_stored_whole(place):
    size = 2 * 2**30 + 2 * MIB  # lengths beyond what fits 31 bits
    if shutil.disk_usage(place.folder).free < 2 * size:
        pytest.skip("there is no room for it")
    process, (pid,) = await place.start()
    before = resident(pid)
    answer, sha256 = await asyncio.to_thread(send_zeros, place.port, size)
    assert answer == (1, 0)
    assert resident(pid) - before < 16 * MIB
    (key,) = place.rows().values()
    path = place.folder / "lake" / key
    with sqlite3.connect(place.folder / "workflow.sqlite") as connection:
        row = connection.execute("SELECT size, sha256, number_of_frames FROM dicom_instance")
        assert row.fetchall() == [(path.stat().st_size, sha256, 1025)]
    with path.open("rb") as file:
        file.seek(-size, 2)
        while chunk := file.read(MIB):
            assert chunk == bytes(MIB)
    await stopped(place, process)
    path.unlink()
