"""Raw data as an ISMRMRD file: header, and one acquisition per readout.

Lengths are in mm, directions and positions in DICOM's LPS. After a centred inverse FFT with the
sample `center_sample` (line `center`) in the middle, pixel n of N lies (n - N/2) * fov / N from
`position` along `read_dir` (`phase_dir`), partitions of a volume along `slice_dir`.

Samples are stored in the order of time: those of a reversed readout (ACQ_IS_REVERSE) run against
`read_dir`, and their `center_sample` counts from the first sample that was read. A trajectory that
is no grid is stored with each readout, along read and phase direction in cycles per encoded field
of view: a sample of a full grid has a whole number there.
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

from scanhub_device.simulator._lines import Encoding
from scanhub_device.simulator.coils import Complexes
from scanhub_device.simulator.magnet import FIELD_STRENGTH_T, LARMOR_FREQUENCY_HZ
from scanhub_device.simulator.phantom import Floats
from scanhub_device.simulator.plan import ScanPlan, Trajectory

VENDOR = "Simulated scanner"
_TIME_STAMP_S = 2.5e-3  # the unit of ISMRMRD's acquisition_time_stamp


@dataclass(frozen=True, slots=True)
class Labels:
    """Ids that tie the file to its exam; never a name."""

    measurement_id: str | None = None
    patient_id: str | None = None
    device_name: str | None = None
    larmor_frequency_hz: float = LARMOR_FREQUENCY_HZ


class MrdWriter:
    """Writes the readouts of a plan in the order in which they are acquired."""

    def __init__(self, dataset: Any, plan: ScanPlan, offset_m: Floats) -> None:
        self._dataset = dataset
        self._plan = plan
        self._positions_mm = 1e3 * (plan.geometry.positions_m + offset_m)
        self._flags = _flags(plan)

    def write(self, index: int, data: Complexes) -> Any:
        """Append readout `index`, (coils, samples), and return it as it was written."""
        plan, geometry = self._plan, self._plan.geometry
        lines = plan.lines
        path = None if plan.stored_k is None else plan.stored_k[index].astype(np.float32)
        acquisition = ismrmrd.Acquisition.from_array(data.astype(np.complex64), path)
        acquisition.scan_counter = index
        acquisition.acquisition_time_stamp = round(plan.timing.times_s[index] / _TIME_STAMP_S)
        acquisition.center_sample = lines.centre_sample[index]
        acquisition.sample_time_us = 1e6 * plan.timing.dwell_s
        acquisition.position[:] = self._positions_mm[plan.slice[index]]
        acquisition.read_dir[:] = geometry.read_dir
        acquisition.phase_dir[:] = geometry.phase_dir
        acquisition.slice_dir[:] = geometry.slice_dir
        acquisition.idx.kspace_encode_step_1 = lines.step_1[index]
        acquisition.idx.kspace_encode_step_2 = lines.step_2[index]
        acquisition.idx.slice = plan.slice[index]
        acquisition.idx.repetition = plan.repetition[index]
        for channel in range(len(data)):
            acquisition.setChannelActive(channel)
        for flag in self._flags[index]:
            acquisition.set_flag(flag)
        self._dataset.append_acquisition(acquisition)
        return acquisition


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
            H1resonanceFrequency_Hz=round(labels.larmor_frequency_hz)
        ),
        acquisitionSystemInformation=_system(coils, labels),
        measurementInformation=xsd.measurementInformationType(
            measurementID=labels.measurement_id,
            patientPosition=xsd.patientPositionType(plan.patient_position),
            protocolName=plan.name,
            sequenceName=plan.name,
        ),
        encoding=[_encoding(plan)],
        sequenceParameters=_parameters(plan),
    )
    if labels.patient_id is not None:
        header.subjectInformation = xsd.subjectInformationType(patientID=labels.patient_id)
    return str(xsd.ToXML(header, encoding="utf-8")).encode()


def _parameters(plan: ScanPlan) -> Any:
    contrast, repetition_s = plan.contrast, plan.history.repetition_s
    kind = "SpinEcho" if contrast.spin_echo else "SpoiledGRE"
    return xsd.sequenceParametersType(
        TR=[] if repetition_s is None else [1e3 * repetition_s],
        TE=[1e3 * contrast.te_s],
        TI=[] if contrast.ti_s is None else [1e3 * contrast.ti_s],
        flipAngle_deg=[degrees(contrast.flip_angle_rad)],
        sequence_type="EPI" if plan.trajectory is Trajectory.EPI else kind,
        echo_spacing=_echo_spacing_ms(plan),
    )


def _echo_spacing_ms(plan: ScanPlan) -> list[float]:
    """From echo to echo within a train."""
    echoes = plan.history.echoes
    if plan.trajectory is not Trajectory.EPI or echoes[0].pulse != echoes[1].pulse:
        return []
    return [1e3 * (echoes[1].after_s - echoes[0].after_s)]


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
    geometry, deep = plan.geometry, plan.partition
    zero = _range(0, 0)
    encoded_m = (plan.read.fov_m, plan.phase.fov_m, geometry.thickness_m)
    recon_deep = deep.recon_matrix(plan.recon_fov_m[2]) if deep else 1
    train = len(plan.history.echoes) // len({echo.pulse for echo in plan.history.echoes})
    return xsd.encodingType(
        encodedSpace=_space(
            (plan.read.matrix, plan.phase.matrix, deep.matrix if deep else 1), encoded_m
        ),
        reconSpace=_space((*plan.recon_matrix, recon_deep), plan.recon_fov_m),
        encodingLimits=xsd.encodingLimitsType(
            kspace_encoding_step_0=_limit(plan.read),
            kspace_encoding_step_1=_limit(plan.phase),
            kspace_encoding_step_2=_limit(deep) if deep else zero,
            average=zero,
            slice=_range(len(geometry.positions_m) - 1, 0),
            contrast=zero,
            phase=zero,
            repetition=_range(max(plan.repetition), 0),
            set=zero,
            segment=zero,
        ),
        trajectory=xsd.trajectoryType(plan.trajectory.value),
        echoTrainLength=train,
    )


def _space(matrix: tuple[int, int, int], fov_m: tuple[float, float, float]) -> Any:
    return xsd.encodingSpaceType(
        matrixSize=xsd.matrixSizeType(x=matrix[0], y=matrix[1], z=matrix[2]),
        fieldOfView_mm=xsd.fieldOfViewMm(x=1e3 * fov_m[0], y=1e3 * fov_m[1], z=1e3 * fov_m[2]),
    )


def _range(maximum: int, centre: int) -> Any:
    return xsd.limitType(minimum=0, maximum=maximum, center=centre)


def _limit(encoding: Encoding) -> Any:
    return _range(encoding.count - 1, encoding.centre)


def _flags(plan: ScanPlan) -> list[list[int]]:
    """Flags of each readout."""
    flags: list[list[int]] = [[] for _ in plan.slice]
    volumes = list(zip(plan.slice, plan.repetition, strict=True))
    last = {volume: index for index, volume in enumerate(volumes)}
    first = {volume: index for index, volume in reversed(list(enumerate(volumes)))}
    for index, backward in enumerate(plan.lines.reversed_):
        if backward:
            flags[index].append(ismrmrd.ACQ_IS_REVERSE)
    for index in first.values():
        flags[index].append(ismrmrd.ACQ_FIRST_IN_SLICE)
    for index in last.values():
        flags[index].append(ismrmrd.ACQ_LAST_IN_SLICE)
    flags[-1].append(ismrmrd.ACQ_LAST_IN_MEASUREMENT)
    return flags
