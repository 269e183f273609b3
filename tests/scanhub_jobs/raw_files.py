"""Raw data of a known object, in any orientation, as a scanner would write them."""

from dataclasses import dataclass, field
from pathlib import Path

import h5py
import ismrmrd
import numpy as np
from ismrmrd.hdf5 import acquisition_dtype

HEADER = """<?xml version="1.0" encoding="utf-8"?>
<ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD">
 <acquisitionSystemInformation><systemVendor>Testworks</systemVendor>
  <systemModel>Bench</systemModel><systemFieldStrength_T>0.05</systemFieldStrength_T>
  <receiverChannels>{coils}</receiverChannels></acquisitionSystemInformation>
 <experimentalConditions><H1resonanceFrequency_Hz>2128000</H1resonanceFrequency_Hz>
 </experimentalConditions>
 <encoding>
  <encodedSpace><matrixSize><x>{ex}</x><y>{ey}</y><z>{ez}</z></matrixSize>
   <fieldOfView_mm><x>{efx}</x><y>{efy}</y><z>{efz}</z></fieldOfView_mm></encodedSpace>
  <reconSpace><matrixSize><x>{rx}</x><y>{ry}</y><z>{rz}</z></matrixSize>
   <fieldOfView_mm><x>{rfx}</x><y>{rfy}</y><z>{rfz}</z></fieldOfView_mm></reconSpace>
  <encodingLimits>
   <kspace_encoding_step_1><minimum>0</minimum><maximum>{last1}</maximum><center>{c1}</center>
   </kspace_encoding_step_1>
   <kspace_encoding_step_2><minimum>0</minimum><maximum>{last2}</maximum><center>{c2}</center>
   </kspace_encoding_step_2>
  </encodingLimits>
  <trajectory>{trajectory}</trajectory>{parallel}
 </encoding>
 <sequenceParameters><TR>500</TR><TE>12.5</TE><flipAngle_deg>60</flipAngle_deg>
  <sequence_type>{kind}</sequence_type></sequenceParameters>
</ismrmrdHeader>
"""

# (amplitude, place in the patient [mm, LPS], size along every axis [mm])
BLOCKS = ((1.0, (24.0, -16.0, 8.0), 20.0), (0.4, (-30.0, 20.0, -8.0), 12.0))


@dataclass
class Scan:
    """What to measure; `write` plays it on the object."""

    matrix: tuple[int, int, int] = (64, 48, 1)
    fov: tuple[float, float, float] = (160.0, 144.0, 400.0)
    oversampling: int = 1
    coils: int = 1
    read: tuple[float, float, float] = (1, 0, 0)
    phase: tuple[float, float, float] = (0, 1, 0)
    slice_: tuple[float, float, float] = (0, 0, 1)
    positions: list[tuple[float, float, float]] = field(default_factory=lambda: [(0, 0, 0)])
    lines: range | None = None
    centre_line: int | None = None
    averages: int = 1
    kind: str = "Flash"
    trajectory: str = "cartesian"
    parallel: str = ""
    flags: int = 0

    def header(self) -> str:
        (x, y, z), (fx, fy, fz) = self.matrix, self.fov
        return HEADER.format(
            coils=self.coils, ex=x * self.oversampling, ey=y, ez=z, efx=fx * self.oversampling,
            efy=fy, efz=fz, rx=x, ry=y, rz=z, rfx=fx, rfy=fy, rfz=fz, last1=y - 1, last2=z - 1,
            c1=y // 2 if self.centre_line is None else self.centre_line, c2=z // 2,
            trajectory=self.trajectory, parallel=self.parallel, kind=self.kind,
        )  # fmt: skip


def signal(k: np.ndarray, centre: np.ndarray, thick: np.ndarray | None) -> np.ndarray:
    """s(k) of the blocks for k [1/mm] in patient axes, phase reference at `centre`.

    With `thick` the slice direction is integrated over, as a thick slice does.
    """
    total = np.zeros(k.shape[:-1], dtype=complex)
    for amplitude, place, size in BLOCKS:
        shape = np.prod(np.sinc(k * size), axis=-1) * size**3
        total += amplitude * shape * np.exp(-2j * np.pi * (k @ (np.array(place) - centre)))
    return total


def write(path: Path, scan: Scan = Scan()) -> Path:  # noqa: B008
    x, y, z = scan.matrix
    fx, fy, fz = scan.fov
    read, phase, slice_ = (np.array(v, float) for v in (scan.read, scan.phase, scan.slice_))
    count = x * scan.oversampling
    kx = (np.arange(count) - count // 2) / (fx * scan.oversampling)
    rows = []
    for slice_number, position in enumerate(scan.positions):
        centre = np.array(position, float)
        for step2 in range(z):
            for step1 in scan.lines or range(y):
                line = step1 - (y // 2 if scan.centre_line is None else scan.centre_line)
                k = kx[:, None] * read + (line / fy) * phase
                k = k + ((step2 - z // 2) / fz if z > 1 else 0.0) * slice_
                samples = signal(k, centre, None)
                rows += [(slice_number, step1, step2, average, centre, samples)
                         for average in range(scan.averages)]  # fmt: skip
    data = np.zeros(len(rows), dtype=acquisition_dtype)
    weights = np.exp(1j * np.arange(scan.coils)) / np.sqrt(scan.coils)
    for row, (slice_number, step1, step2, average, centre, samples) in zip(data, rows, strict=True):
        head = row["head"]
        head["version"], head["flags"] = 1, scan.flags
        head["number_of_samples"], head["center_sample"] = count, count // 2
        head["active_channels"] = head["available_channels"] = scan.coils
        head["sample_time_us"] = 20
        head["position"], head["read_dir"] = centre, read
        head["phase_dir"], head["slice_dir"] = phase, slice_
        head["idx"]["kspace_encode_step_1"], head["idx"]["kspace_encode_step_2"] = step1, step2
        head["idx"]["slice"], head["idx"]["average"] = slice_number, average
        values = (weights[:, None] * samples).astype(np.complex64)
        row["data"] = values.view(np.float32).ravel()
        row["traj"] = np.zeros(0, np.float32)
    with ismrmrd.Dataset(str(path), mode="w") as dataset:
        dataset.write_xml_header(scan.header().encode())
        dataset._file["dataset"].create_dataset("data", data=data, maxshape=(None,))
    return path


def edit(path: Path, change) -> Path:
    """Change the stored readouts in place."""
    with h5py.File(path, "r+") as file:
        data = file["dataset/data"][:]
        data = change(data)
        del file["dataset/data"]
        file["dataset"].create_dataset("data", data=data)
    return path
