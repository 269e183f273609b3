"""Reading apart: what crashes HDF5 ends a process that is there for nothing else."""

import os
import signal

from mrd_files import noise, readout, write

EXAM = "/api/v1/exam"
# Found by trying: with these bytes (place, value) HDF5 1.14 dies of a segmentation fault.
DEADLY = ((1889, 242), (1333, 67), (1141, 139))


async def test_a_file_at_which_hdf5_crashes_harms_nobody(platform, store, tmp_path):
    rows = [readout(noise(n, 2, 16), kspace_encode_step_1=n) for n in range(40)]
    whole = write(tmp_path / "a.mrd", rows).read_bytes()
    deadly = bytearray(whole)
    for place, value in DEADLY:
        deadly[place] = value
    _, place = await store({"good.mrd": whole, "deadly.mrd": bytes(deadly)})
    url = f"{EXAM}/mrd/{place}/kspace"
    for _ in range(3):
        refused = await platform.call("GET", f"{url}?file=deadly.mrd", expect=422)
        assert "deadly.mrd" in refused.json()["detail"]
    await platform.call("GET", f"{url}?file=good.mrd", expect=200)


async def test_a_reader_that_was_killed_is_replaced(platform, store, tmp_path):
    _, place = await store({"data.mrd": write(tmp_path / "a.mrd", [readout(noise(1, 1, 8))])})
    url = f"{EXAM}/mrd/{place}/meta"
    first = await platform.call("GET", url, expect=200)
    (worker,) = platform.app.state.mrd_reader._idle
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    assert (await platform.call("GET", url, expect=200)).content == first.content
    (replaced,) = platform.app.state.mrd_reader._idle
    assert replaced.pid != worker.pid
