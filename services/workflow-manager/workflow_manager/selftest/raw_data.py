"""Raw data of a self-test, as a scanner writes them, and the images that must follow. Blocking.

What is scanned is a square in the middle: the same picture however an image is turned or mirrored
to be looked at, so that every pixel can be told.
"""

from pathlib import Path

import h5py  # type: ignore[import-untyped]
import numpy as np
from ismrmrd.hdf5 import acquisition_dtype
from numpy.typing import NDArray
from pydicom import dcmread

from scanhub_jobs.reconstruction_context import (
    JobPatient,
    JobSeries,
    JobStudy,
    ReconstructionContext,
)
from scanhub_libraries.wording import counted
from workflow_manager.selftest.images import PATIENT
from workflow_manager.selftest.rules import IMAGES, SERIES_DESCRIPTION, SIDE

_FIELD_OF_VIEW_MM, _APART_MM = 160, 10.0
_EDGE = SIDE // 3
_SPACE = f"""<matrixSize><x>{SIDE}</x><y>{SIDE}</y><z>1</z></matrixSize>
<fieldOfView_mm><x>{_FIELD_OF_VIEW_MM}</x><y>{_FIELD_OF_VIEW_MM}</y><z>5</z></fieldOfView_mm>"""
_HEADER = f"""<?xml version="1.0"?>
<ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD">
<experimentalConditions><H1resonanceFrequency_Hz>2128000</H1resonanceFrequency_Hz>
</experimentalConditions>
<encoding><encodedSpace>{_SPACE}</encodedSpace><reconSpace>{_SPACE}</reconSpace>
<encodingLimits><kspace_encoding_step_1><minimum>0</minimum><maximum>{SIDE - 1}</maximum>
<center>{SIDE // 2}</center></kspace_encoding_step_1></encodingLimits>
<trajectory>cartesian</trajectory></encoding>
<sequenceParameters><TR>500</TR><TE>12.5</TE><flipAngle_deg>60</flipAngle_deg>
<sequence_type>Flash</sequence_type></sequenceParameters>
</ismrmrdHeader>"""


def write_raw_data(folder: Path, run_id: str, study: str, place: int) -> tuple[Path, Path]:
    """Write the raw data of a series and what its job is told.

    Args:
        folder: Where to; it is made.
        run_id: What the UIDs of the images are derived from.
        study: Study Instance UID.
        place: Number of the series in its study, from 1.

    Returns:
        The file of the raw data, and that of the job.
    """
    folder.mkdir(parents=True)
    source, told = folder / "raw_data.mrd", folder / "context.json"
    with h5py.File(source, "w") as file:
        group = file.create_group("dataset")
        text = group.create_dataset("xml", (1,), dtype=h5py.special_dtype(vlen=bytes))
        text[0] = _HEADER.encode()
        group.create_dataset("data", data=_readouts(), maxshape=(None,))
    context = ReconstructionContext(
        run_id=run_id,
        patient=JobPatient(id=PATIENT, name=PATIENT),
        study=JobStudy(instance_uid=study, description=SERIES_DESCRIPTION),
        series=JobSeries(number=place, description=f"{SERIES_DESCRIPTION} {place}"),
    )
    told.write_text(context.model_dump_json())
    return source, told


def _square() -> NDArray[np.bool_]:
    inside = np.zeros((SIDE, SIDE), dtype=np.bool_)
    inside[_EDGE : SIDE - _EDGE, _EDGE : SIDE - _EDGE] = True
    return inside


def _readouts() -> NDArray[np.void]:
    kspace = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(_square()))).astype(np.complex64)
    readouts = np.zeros(IMAGES * SIDE, dtype=acquisition_dtype)
    for number, readout in enumerate(readouts):
        slice_, line = divmod(number, SIDE)
        head = readout["head"]
        head["version"] = 1
        head["number_of_samples"], head["center_sample"] = SIDE, SIDE // 2
        head["active_channels"] = head["available_channels"] = 1
        head["read_dir"], head["phase_dir"], head["slice_dir"] = np.eye(3)
        head["position"] = (0.0, 0.0, slice_ * _APART_MM)
        head["idx"]["slice"], head["idx"]["kspace_encode_step_1"] = slice_, line
        readout["data"] = kspace[line].view(np.float32)
        readout["traj"] = np.zeros(0, np.float32)
    return readouts


def look_at_images(folder: Path) -> tuple[str, dict[str, Path], str | None]:
    """Look at what a job made of such raw data.

    Returns:
        Series Instance UID; the images by SOP Instance UID; what is wrong with them, or None.
    """
    series, found, wrong = "", dict[str, Path](), None
    for path in sorted(folder.glob("*.dcm")):
        image = dcmread(path)
        series, found[str(image.SOPInstanceUID)] = str(image.SeriesInstanceUID), path
        bright = image.pixel_array > image.pixel_array.max() / 2
        if bright.shape != (SIDE, SIDE) or not np.array_equal(bright, _square()):
            wrong = "An image does not show the square that was scanned."
    if len(found) != IMAGES:
        wrong = f"The job made {counted(len(found), 'image')} of {IMAGES} slices."
    return series, found, wrong
