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
