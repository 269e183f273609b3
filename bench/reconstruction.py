"""A volume of 256 x 256 x 64 with 8 coils, from its file, beside the bare FFT of the same data."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import ismrmrd
import numpy as np
from ismrmrd.hdf5 import acquisition_dtype
from numpy.typing import NDArray

from bench.measure import Row

MATRIX, COILS = (256, 256, 64), 8
_REPEATED = 3
_MOST_TRANSFORM, _MOST_WHOLE = 1.5, 4.0
_SPACE = (
    "<matrixSize><x>{0}</x><y>{1}</y><z>{2}</z></matrixSize><fieldOfView_mm><x>256</x><y>256</y>"
    "<z>128</z></fieldOfView_mm>"
)
_LIMIT = "<minimum>0</minimum><maximum>{0}</maximum><center>{1}</center>"
_PROGRAM = """
import json, sys, time
from pathlib import Path
from typing import Any
import numpy as np
from scanhub_jobs import cartesian, kspace
spent = []
inner = cartesian.volume_image
def timed(*arguments):
    began = time.perf_counter()
    image = inner(*arguments)
    spent.append(time.perf_counter() - began)
    return image
cartesian.volume_image = timed
began = time.perf_counter()
made = cartesian.reconstruct_cartesian(Path(sys.argv[1]))
whole = time.perf_counter() - began
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps({"whole_s": whole, "transform_s": sum(spent), "slices": len(made.slices),
                  "memory_mib": int(status["VmHWM"].split()[0]) / 1024}))
"""


def reconstruction_rows(folder: Path) -> list[Row]:
    """Measure by turns, each reconstruction in a process of its own, as the platform runs it."""
    path = folder / "volume.mrd"
    data = write_volume(path)
    ours, bare, scipys = [], [], []
    for _ in range(_REPEATED):
        run = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", _PROGRAM, str(path)], check=True, capture_output=True, text=True
        )
        ours.append(json.loads(run.stdout))
        bare.append(_seconds(lambda: _combined(np.fft.ifftn(data, axes=(1, 2, 3)))))
        scipys.append(_seconds(lambda: _combined(_scipy_ifftn(data))))
    path.unlink()
    transform = statistics.median(one["transform_s"] for one in ours)
    whole = statistics.median(one["whole_s"] for one in ours)
    memory = max(one["memory_mib"] for one in ours)
    more = {"scipy_s": statistics.median(scipys), "data_mib": data.nbytes / 2**20}
    return _rows(transform, whole, memory, statistics.median(bare), more)


def _rows(
    transform: float, whole: float, memory: float, peer: float, more: dict[str, float]
) -> list[Row]:
    detail = {
        "numpy_s": peer,
        "transform_s": transform,
        "whole_s": whole,
        "memory_mib": memory,
        **more,
    }
    name = "256 x 256 x 64, 8 coils, Cartesian"
    known = f"numpy.fft.ifftn and sum of squares {peer:.2f} s"
    return [
        Row(
            f"{name}: k-space to image",
            f"{transform:.2f} s ({transform / peer:.2f}x)",
            f"<= {_MOST_TRANSFORM:g}x the bare FFT",
            transform <= _MOST_TRANSFORM * peer,
            peer=known,
            detail=detail,
        ),
        Row(
            f"{name}: file to slices",
            f"{whole:.2f} s ({whole / peer:.2f}x), {memory:.0f} MiB at most",
            f"<= {_MOST_WHOLE:g}x the bare FFT",
            whole <= _MOST_WHOLE * peer,
            peer=known,
            detail=detail,
        ),
    ]


def write_volume(path: Path) -> NDArray[np.complex64]:
    """Write noise as raw data of a volume; return it as [coil, z, y, x]."""
    x, y, z = MATRIX
    random = np.random.default_rng(0)
    real = random.standard_normal((COILS, z, y, x, 2), dtype=np.float32)
    data = real.view(np.complex64)[..., 0]
    rows = np.zeros(z * y, dtype=acquisition_dtype)
    head = rows["head"]
    head["version"], head["number_of_samples"], head["center_sample"] = 1, x, x // 2
    head["active_channels"] = head["available_channels"] = COILS
    head["sample_time_us"] = 10
    for number, name in enumerate(("read_dir", "phase_dir", "slice_dir")):
        head[name] = np.eye(3)[number]
    head["idx"]["kspace_encode_step_1"] = np.tile(np.arange(y), z)
    head["idx"]["kspace_encode_step_2"] = np.repeat(np.arange(z), y)
    for number, row in enumerate(rows):
        row["data"] = np.ascontiguousarray(real[:, number // y, number % y]).ravel()
        row["traj"] = np.zeros(0, np.float32)
    with ismrmrd.Dataset(str(path), mode="w") as file:
        file.write_xml_header(_header().encode())
    with h5py.File(path, "r+") as file:
        file["dataset"].create_dataset("data", data=rows, maxshape=(None,), chunks=(64,))
    return data


def _header() -> str:
    x, y, z = MATRIX
    space = _SPACE.format(x, y, z)
    return (
        '<ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD"><experimentalConditions>'
        "<H1resonanceFrequency_Hz>63869000</H1resonanceFrequency_Hz></experimentalConditions>"
        f"<encoding><encodedSpace>{space}</encodedSpace><reconSpace>{space}</reconSpace>"
        f"<encodingLimits><kspace_encoding_step_1>{_LIMIT.format(y - 1, y // 2)}"
        f"</kspace_encoding_step_1><kspace_encoding_step_2>{_LIMIT.format(z - 1, z // 2)}"
        "</kspace_encoding_step_2></encodingLimits><trajectory>cartesian</trajectory></encoding>"
        "</ismrmrdHeader>"
    )


def _scipy_ifftn(data: NDArray[np.complex64]) -> NDArray[np.complex64]:
    import scipy.fft  # noqa: PLC0415 - only here

    return np.asarray(scipy.fft.ifftn(data, axes=(1, 2, 3)))


def _combined(images: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(np.sqrt((images.real**2 + images.imag**2).sum(axis=0)))


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
