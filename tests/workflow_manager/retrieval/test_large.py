"""An image that is fetched goes to disk as it comes: memory does not grow with it."""

import hashlib
import os
import shutil
import struct
from pathlib import Path

import pytest
from images import instance
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import dcmwrite
from sources import ROOT, archive, study
from test_retrievals import accessions, add_source, ended, fetch

MIB = 2**20


def large(path: Path, size: int) -> None:
    """Write the first image of study 1 with so many bytes of zeros as pixels, as a hole."""
    dataset = instance(1, series=f"{ROOT}.1.1")
    dataset.StudyInstanceUID, dataset.AccessionNumber = f"{ROOT}.1", "A1"
    del dataset.PixelData
    dataset.Rows = dataset.Columns = 1024
    dataset.NumberOfFrames = size // (2 * MIB)
    buffer = DicomBytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    head = buffer.getvalue() + struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OW", 0, size)
    path.write_bytes(head)
    os.truncate(path, len(head) + size)


def checksum_behind_meta(path: Path) -> str:
    """Data sets are sent; the meta information of a file is of who keeps it."""
    with path.open("rb") as file:
        file.seek(140)
        file.seek(144 + int.from_bytes(file.read(4), "little"))
        return hashlib.file_digest(file, "sha256").hexdigest()


def family(pid: str = "self") -> list[str]:
    """Return this process and those that it started: the source sends from one of them."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += family(child)
    return found


def most_memory(pid: str) -> int:
    """Return the most memory that a process had since it was told to begin anew [byte]."""
    status = Path(f"/proc/{pid}/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


@pytest.mark.parametrize(
    "size",
    [32 * MIB, pytest.param(2 * 2**30 + 2 * MIB, marks=pytest.mark.long)],
    ids=["32 MiB", "2 GiB"],
)
@pytest.mark.timeout(600)
async def test_an_image_of_any_size_is_fetched_with_the_same_memory(
    serving, tmp_path, other_database, size
):
    if shutil.disk_usage(tmp_path).free < 3 * size:
        pytest.skip("there is no room for it")
    async with archive(tmp_path / "other", other_database, study(1, images=1)) as node:
        (source,) = (tmp_path / "other" / "dicom").rglob(f"{ROOT}.1.1.1.dcm")
        source.unlink()
        large(source, size)
        async with serving() as service:
            await add_source(service, node.port)
            for pid in family():
                Path(f"/proc/{pid}/clear_refs").write_text("5")
            before = {pid: most_memory(pid) for pid in family()}
            found = await ended(service, await fetch(service, "A1", method="c-get"))
            grown = {pid: most_memory(pid) - had for pid, had in before.items()}
            assert found["state"] == "done", await accessions(service, found["id"])
            (row,) = await service.get("/dicomweb/instances")
            assert row["00080018"]["Value"] == [f"{ROOT}.1.1.1"]
            lake = service.wiring.lake.root / "dicom" / f"{ROOT}.1"
            (stored,) = lake.rglob("*.dcm")
            assert checksum_behind_meta(stored) == checksum_behind_meta(source)
    assert len(grown) > 1, "the source is a process of its own"
    assert max(grown.values()) < 16 * MIB
