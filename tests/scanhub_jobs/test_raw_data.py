import subprocess
import sys

import h5py
import pytest
from raw_files import Scan, write

from scanhub_jobs import JobInputError, raw_data


@pytest.mark.parametrize("what", ["dataset", "dataset/data", "dataset/xml"])
def test_raw_data_of_another_file_are_not_reconstructed(tmp_path, what):
    other, path = write(tmp_path / "other.mrd", Scan()), write(tmp_path / "own.mrd", Scan())
    assert raw_data.read_raw_data(path).samples
    with h5py.File(path, "a") as file:
        del file[what]
        file[what] = h5py.ExternalLink(str(other), f"/{what}")
    with pytest.raises(JobInputError, match="another file"):
        raw_data.read_raw_data(path)


def test_reading_takes_the_memory_of_a_block(tmp_path):
    """HDF5 2.0 never frees the samples that it reads along with a field asked for alone."""
    path = write(tmp_path / "large.mrd", Scan((512, 64, 64), coils=4))  # 64 MiB
    code = (
        "import sys; from pathlib import Path; from scanhub_jobs.raw_data import open_raw_data\n"
        "def used(): return int(open('/proc/self/statm').read().split()[1]) * 4 // 1024\n"
        "before = used()\n"
        "with open_raw_data(Path(sys.argv[1])) as raw:\n"
        "    for readout in raw.readouts(raw.image_rows()): pass\n"
        "print(used() - before)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, path], check=True, capture_output=True, text=True
    )
    assert int(ran.stdout) < 48
