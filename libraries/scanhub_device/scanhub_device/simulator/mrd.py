"""Raw data as an ISMRMRD file: header, and one acquisition per readout.

Lengths are in mm, directions and positions in DICOM's LPS. After a centred inverse FFT with the
sample `center_sample` (line `center`) in the middle, pixel n of N lies (n - N/2) * fov / N from
`position` along `read_dir` (`phase_dir`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import degrees
from pathlib import Path
from typing import Any

import ismrmrd
import numpy as np
from ismrmrd import xsd

from scanhub_device.simulator.coils import Complexes
from scanhub_device.simulator.phantom import Floats
from scanhub_device.simulator.plan import Encoding, ScanPlan

FIELD_STRENGTH_T = 1.5
LARMOR_FREQUENCY_HZ = 63_869_000
VENDOR = "Simulated scanner"
_TIME_STAMP_S = 2.5e-3  # the unit of ISMRMRD's acquisition_time_stamp


@dataclass(frozen=True, slots=True)
class Labels:
    """Ids that tie the file to its exam; never a name."""

    measurement_id: str | None = None
    patient_id: str | None = None
    device_name: str | None = None


class MrdWriter:
    """Writes the readouts of a plan in the order in which they are acquired."""

    def __init__(self, dataset: Any, plan: ScanPlan, offset_m: Floats) -> None:
        self._dataset = dataset
        self._plan = plan
        self._positions_mm = 1e3 * (plan.geometry.positions_m + offset_m)
        self._first, self._last = _slice_bounds(plan.slice)

    def write(self, index: int, data: Complexes) -> None:
        """Append readout `index`; data is (coils, samples)."""
        plan, geometry = self._plan, self._plan.geometry
        acquisition = ismrmrd.Acquisition.from_array(data.astype(np.complex64))
        acquisition.scan_counter = index
        acquisition.acquisition_time_stamp = round(plan.times_s[index] / _TIME_STAMP_S)
        acquisition.center_sample = plan.read.centre
        acquisition.sample_time_us = 1e6 * plan.dwell_s
        acquisition.position[:] = self._positions_mm[plan.slice[index]]
        acquisition.read_dir[:] = geometry.read_dir
        acquisition.phase_dir[:] = geometry.phase_dir
        acquisition.slice_dir[:] = geometry.slice_dir
        acquisition.idx.kspace_encode_step_1 = plan.step[index]
        acquisition.idx.slice = plan.slice[index]
        for channel in range(len(data)):
            acquisition.setChannelActive(channel)
        for flag, holds in (
            (ismrmrd.ACQ_FIRST_IN_SLICE, index in self._first),
            (ismrmrd.ACQ_LAST_IN_SLICE, index in self._last),
            (ismrmrd.ACQ_LAST_IN_MEASUREMENT, index == len(plan.step) - 1),
        ):
            if holds:
                acquisition.set_flag(flag)
        self._dataset.append_acquisition(acquisition)


@contextmanager
def mrd_file(
    path: Path, plan: ScanPlan, *, coils: int, offset_m: Floats, labels: Labels
) -> Iterator[MrdWriter]:
    """Create the file with its header; the readouts come through the writer."""
    dataset = ismrmrd.Dataset(str(path), "dataset", create_if_needed=True)
    try:
        dataset.write_xml_header(make_header(plan, coils=coils, labels=labels))
        yield MrdWriter(dataset, plan, offset_m)
    finally:
        dataset.close()


def make_header(plan: ScanPlan, *, coils: int, labels: Labels) -> bytes:
    """The XML header of the whole measurement."""
    header = xsd.ismrmrdHeader(
        version=2,
        experimentalConditions=xsd.experimentalConditionsType(
            H1resonanceFrequency_Hz=LARMOR_FREQUENCY_HZ
        ),
        acquisitionSystemInformation=_system(coils, labels),
        measurementInformation=xsd.measurementInformationType(
            measurementID=labels.measurement_id,
            patientPosition=xsd.patientPositionType.HFS,
            protocolName=plan.name,
            sequenceName=plan.name,
        ),
        encoding=[_encoding(plan)],
        sequenceParameters=xsd.sequenceParametersType(
            TR=[1e3 * plan.contrast.tr_s],
            TE=[1e3 * plan.contrast.te_s],
            flipAngle_deg=[degrees(plan.contrast.flip_angle_rad)],
            sequence_type="SpoiledGRE",
        ),
    )
    if labels.patient_id is not None:
        header.subjectInformation = xsd.subjectInformationType(patientID=labels.patient_id)
    return str(xsd.ToXML(header, encoding="utf-8")).encode()


def _system(coils: int, labels: Labels) -> Any:
    return xsd.acquisitionSystemInformationType(
        systemVendor=VENDOR,
        systemModel="closed-form head phantom",
        systemFieldStrength_T=FIELD_STRENGTH_T,
        receiverChannels=coils,
        coilLabel=[
            xsd.coilLabelType(coilNumber=number, coilName=f"ring {number}")
            for number in range(coils)
        ],
        institutionName="none",
        stationName=labels.device_name,
    )


def _encoding(plan: ScanPlan) -> Any:
    thickness_m = plan.geometry.thickness_m
    slices = len(plan.geometry.positions_m)
    zero = _range(0, 0)
    return xsd.encodingType(
        encodedSpace=_space(
            (plan.read.matrix, plan.phase.matrix), (plan.read.fov_m, plan.phase.fov_m), thickness_m
        ),
        reconSpace=_space(plan.recon_matrix, plan.recon_fov_m, thickness_m),
        encodingLimits=xsd.encodingLimitsType(
            kspace_encoding_step_0=_limit(plan.read),
            kspace_encoding_step_1=_limit(plan.phase),
            kspace_encoding_step_2=zero,
            average=zero,
            slice=_range(slices - 1, 0),
            contrast=zero,
            phase=zero,
            repetition=zero,
            set=zero,
            segment=zero,
        ),
        trajectory=xsd.trajectoryType.CARTESIAN,
        echoTrainLength=1,
    )


def _space(matrix: tuple[int, int], fov_m: tuple[float, float], thickness_m: float) -> Any:
    return xsd.encodingSpaceType(
        matrixSize=xsd.matrixSizeType(x=matrix[0], y=matrix[1], z=1),
        fieldOfView_mm=xsd.fieldOfViewMm(x=1e3 * fov_m[0], y=1e3 * fov_m[1], z=1e3 * thickness_m),
    )


def _range(maximum: int, centre: int) -> Any:
    return xsd.limitType(minimum=0, maximum=maximum, center=centre)


def _limit(encoding: Encoding) -> Any:
    return _range(encoding.count - 1, encoding.centre)


def _slice_bounds(slices: tuple[int, ...]) -> tuple[set[int], set[int]]:
    last = {number: index for index, number in enumerate(slices)}
    first = {number: index for index, number in reversed(list(enumerate(slices)))}
    return set(first.values()), set(last.values())
