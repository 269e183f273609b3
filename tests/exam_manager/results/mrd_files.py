"""Raw data as scanners write them: any coils, any order, reversed lines, noise scans."""

from pathlib import Path

import ismrmrd
import numpy as np
from ismrmrd.hdf5 import acquisition_dtype

HEADER = """<?xml version="1.0"?>
<ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD">
 <experimentalConditions><H1resonanceFrequency_Hz>2128000</H1resonanceFrequency_Hz>
 </experimentalConditions>{encodings}
</ismrmrdHeader>"""
SPACE = (
    "<{0}><matrixSize><x>{1}</x><y>{2}</y><z>{3}</z></matrixSize>"
    "<fieldOfView_mm><x>200</x><y>200</y><z>50</z></fieldOfView_mm></{0}>"
)


def header(x=8, y=4, z=1, trajectory="cartesian", encodings=1) -> str:
    one = (
        f"<encoding>{SPACE.format('encodedSpace', x, y, z)}{SPACE.format('reconSpace', x, y, z)}"
        f"<encodingLimits/><trajectory>{trajectory}</trajectory></encoding>"
    )
    return HEADER.format(encodings=one * encodings)


def readout(data, dwell=10.0, flags=0, centre=0, space=0, **counters):
    """A row of the table: data is [coil, sample]."""
    data = np.atleast_2d(np.asarray(data, np.complex64))
    row = np.zeros(1, acquisition_dtype)
    head = row["head"][0]
    head["version"], head["scan_counter"], head["sample_time_us"] = 1, 7, dwell
    head["active_channels"] = head["available_channels"] = data.shape[0]
    head["number_of_samples"], head["center_sample"] = data.shape[1], centre
    head["flags"], head["encoding_space_ref"] = (
        sum(1 << (n - 1) for n in np.atleast_1d(flags) if n),
        space,
    )
    for name, value in counters.items():
        head["idx"][name] = value
    row[0]["data"] = np.ascontiguousarray(data).view(np.float32).ravel()
    row[0]["traj"] = np.zeros(0, np.float32)
    return row


def write(path: Path, rows, xml: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with ismrmrd.Dataset(str(path), mode="w") as dataset:
        if xml != "":
            dataset.write_xml_header((xml or header()).encode())
        data = np.concatenate(rows) if rows else np.zeros(0, acquisition_dtype)
        group = dataset._file.require_group("dataset")
        group.create_dataset("data", data=data, maxshape=(None,), chunks=(16,))
    return path


def noise(seed: int, *shape: int) -> np.ndarray:
    """Complex numbers that no two readouts share."""
    random = np.random.default_rng(seed)
    return (random.normal(size=shape) + 1j * random.normal(size=shape)).astype(np.complex64)
