"""Large files that come by a process that does not hold the link."""

import asyncio
import hashlib
import sys
from pathlib import Path

import pytest
from http_uploads import Uploader

_BLOCK = bytes(range(256)) * 4096
_BLOCKS = 256
_MIB = 2**20
pytestmark = pytest.mark.timeout(180)


def most_memory(process):
    """Return the most memory that a process has ever had [byte]."""
    status = Path(f"/proc/{process.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
async def test_a_large_file_that_is_passed_on_is_never_held(cluster):
    (here, _), (there, other) = await asyncio.gather(cluster.spawn(), cluster.spawn())
    async with here.scanner() as scanner:
        start = await there.started(scanner)
        before = most_memory(other)
        digest = hashlib.sha256()
        for _ in range(_BLOCKS):
            digest.update(_BLOCK)

        async def blocks():
            for _ in range(_BLOCKS):
                yield _BLOCK

        size = _BLOCKS * len(_BLOCK)
        device = Uploader(there, start)
        place = await device.begin("data.mrd", b"", size_bytes=size, sha256=digest.hexdigest())
        answer = await device.send(place, 0, blocks(), Content_Length=str(size))
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, str(size))
        await there.task_becomes(start["id"], "FINISHED")
        assert most_memory(other) - before < 64 * _MIB
