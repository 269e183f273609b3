"""Free induction decays, as a scanner writes them for a calibration of its frequency."""

import ismrmrd
import numpy as np
from ismrmrd.hdf5 import acquisition_dtype
from raw_files import Scan

DWELL_S = 20e-6


def decay(path, *, offset_hz=0.0, width_hz=8.0, noise=0.0, coils=2, readouts=3, size=4096):
    """Free induction decays: a resonance above the receiver turns as exp(-2 pi i f t)."""
    random = np.random.default_rng(5)
    t = np.arange(size) * DWELL_S
    signal = np.exp(-2j * np.pi * offset_hz * t - np.pi * width_hz * t)
    data = np.zeros(readouts, dtype=acquisition_dtype)
    for number, row in enumerate(data):
        head = row["head"]
        head["number_of_samples"], head["active_channels"] = size, coils
        head["sample_time_us"], head["scan_counter"] = 1e6 * DWELL_S, number
        shape = (coils, size)
        dust = noise * (random.normal(size=shape) + 1j * random.normal(size=shape))
        turns = np.exp(1j * np.arange(coils))[:, None]
        row["data"] = (turns * signal + dust).astype(np.complex64).view(np.float32).ravel()
        row["traj"] = np.zeros(0, np.float32)
    with ismrmrd.Dataset(str(path), mode="w") as file:
        file.write_xml_header(Scan().header().encode())
        file._file["dataset"].create_dataset("data", data=data, maxshape=(None,))
    return path
