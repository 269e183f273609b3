"""The simulated scanner: a `Scanner` that plays the sequence it is given."""

import asyncio
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from scanhub_device.calibration import Calibration, CalibrationResult
from scanhub_device.errors import ScanError, UploadError
from scanhub_device.messages import XYZ, AcquisitionParameter, DeviceDetails, SystemLimits
from scanhub_device.scan import Scan
from scanhub_device.simulated import DEVICE_TYPE
from scanhub_device.simulator._streaming import STREAM_FAULTS, Sender
from scanhub_device.simulator.acquire import SimulatorSettings, acquire
from scanhub_device.simulator.calibrate import Bench, calibrate
from scanhub_device.simulator.faults import CRASHED, Fault, FaultKind
from scanhub_device.simulator.magnet import FIELD_STRENGTH_T, LARMOR_FREQUENCY_HZ
from scanhub_device.simulator.mrd import VENDOR, Labels, make_header
from scanhub_device.simulator.phantom import Floats
from scanhub_device.simulator.plan import ScanPlan, plan_scan
from scanhub_device.simulator.position import HEAD_FIRST_SUPINE, turn_of

FILENAME = "data.mrd"
CONTENT_TYPE = "application/x-ismrmrd+hdf5"
SYSTEM_LIMITS = SystemLimits(
    max_gradients=(40.0, 40.0, 40.0),
    max_slew_rates=(170.0, 170.0, 170.0),
    max_rf_duration=20e-3,
    max_rf_amplitude=30.0,
    max_b1_rms=5.0,
    max_duration=3600.0,
    adc_deadtime=10e-6,
    rf_dead_time=100e-6,
    rf_ringdown_time=20e-6,
    gradient_raster_time=10e-6,
    pns_rheobase=20.0,
    pns_chronaxie=0.36e-3,
    pns_coil_lengths=(0.2, 0.2, 0.2),
)
"""Of a clinical scanner of 1.5 T with a short gradient coil."""
SAR_COEFFICIENT_W_PER_UT2 = 10.0
"""Absorbed power over B1+rms squared: the order of magnitude of a body coil at 1.5 T."""


class SimulatedScanner:
    """Scans the phantom and delivers ISMRMRD raw data; can be paused and calibrated.

    Args:
        settings: how it scans.
        data_dir: where the raw data lies until the server has it; default: the temporary folder.
        name: what it calls itself.
    """

    can_pause = True

    def __init__(
        self,
        settings: SimulatorSettings | None = None,
        *,
        data_dir: Path | None = None,
        name: str = "Simulated scanner",
    ) -> None:
        self._settings = settings or SimulatorSettings()
        self._data_dir = data_dir
        self.can_stream = self._settings.stream
        self._details = DeviceDetails(
            device_name=name,
            device_type=DEVICE_TYPE,
            serial_number="SIM-1",
            manufacturer=VENDOR,
            modality="MR",
            site="none",
            parameter={
                "larmor_frequency": LARMOR_FREQUENCY_HZ,
                "flip_angle_calibration": 1.0,
                "shims": [0.0, 0.0, 0.0],
                "field_strength_t": FIELD_STRENGTH_T,
                "receiver_channels": self._settings.coils,
                "sar_coefficient": SAR_COEFFICIENT_W_PER_UT2,
            },
            system_limits=SYSTEM_LIMITS,
        )

    @property
    def details(self) -> DeviceDetails:
        """What the scanner says of itself."""
        return self._details

    async def scan(self, scan: Scan, /) -> None:
        """Play the sequence, then deliver the raw data.

        Raises:
            ScanError: it cannot play this sequence with these parameters, or its disk is full.
        """
        plan = await scan.run_in_thread(plan_scan, scan.sequence_text, _position(scan))
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, None, "scan-", self._data_dir))
        path = folder / FILENAME
        keep = False
        try:
            await scan.run_in_thread(self._acquire, scan, plan, path)
            await scan.upload(path, content_type=CONTENT_TYPE)
        except UploadError as error:
            keep = True
            raise ScanError(f"{error}; the raw data is kept at {path}") from error
        finally:
            if not keep:
                shutil.rmtree(folder)

    def _acquire(self, scan: Scan, plan: ScanPlan, path: Path) -> None:
        settings, parameter = self._settings, scan.device_parameter
        seconds = settings.time_scale * plan.duration_s

        labels = Labels(
            scan.task_id,
            device_name=self._details.device_name,
            larmor_frequency_hz=parameter.get("larmor_frequency", LARMOR_FREQUENCY_HZ),
        )
        try:
            with self._sending(scan, plan, labels) as sender:
                faults = _ScannerFaults(settings.faults, sender)

                def progress(percent: float) -> None:
                    faults.strike(percent)
                    left = round(seconds * (1 - percent / 100), 1)
                    scan.report_progress_from_thread(percent, left)

                faults.strike(0)
                acquire(
                    plan,
                    settings,
                    path,
                    labels=labels,
                    offset_m=turn_of(plan.patient_position)
                    @ offset_of(scan.payload.acquisition_parameter or AcquisitionParameter()),
                    stop=scan.stop_requested,
                    progress=progress,
                    adjustment=settings.magnet.adjusted(parameter),
                    rest=scan.wait_while_paused,
                    send=sender.put,
                )
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise ScanError("the disk of the scanner is full", code="disk-full") from error

    @contextmanager
    def _sending(self, scan: Scan, plan: ScanPlan, labels: Labels) -> Iterator[Sender]:
        """Send the readouts while they are acquired, if the server offers it."""
        header = make_header(plan, coils=self._settings.coils, labels=labels)
        with scan.stream(header) as stream:
            sender = Sender(stream)
            try:
                yield sender
            finally:
                sender.close()

    async def calibrate(self, calibration: Calibration, /) -> CalibrationResult:
        """Measure on the phantom what is out of adjustment.

        Raises:
            ScanError: there is no signal, or this kind is not known.
        """
        settings = self._settings
        bench = Bench(
            settings.magnet.adjusted(calibration.parameter),
            time_scale=settings.time_scale,
            seed=settings.seed,
            stop=calibration.stop_requested,
        )
        return await calibration.run_in_thread(
            calibrate, calibration.kind, bench, calibration.parameter
        )


class _ScannerFaults:
    """The faults of one scan that happen within the scanner."""

    def __init__(self, faults: tuple[Fault, ...], sender: Sender) -> None:
        self._sender = sender
        self._waiting = [fault for fault in faults if not fault.in_link]

    def strike(self, percent: float) -> None:
        """Let happen what is due."""
        for fault in [f for f in self._waiting if percent >= (f.percent or 0.0)]:
            self._waiting.remove(fault)
            match fault.kind:
                case FaultKind.CRASH:
                    os._exit(CRASHED)
                case FaultKind.DISK_FULL:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                case FaultKind.ERROR:
                    raise ScanError(f"a fault on purpose: {fault.value}", code=fault.value)
                case kind if kind in STREAM_FAULTS:
                    self._sender.strike(kind)


def _position(scan: Scan) -> str:
    """How the patient lies; a server that does not say has one who lies as most do."""
    limits = scan.payload.acquisition_limits
    return (limits and limits.patient_position) or HEAD_FIRST_SUPINE


def offset_of(parameter: AcquisitionParameter) -> Floats:
    """The shift of the field of view, along the axes of the magnet [m].

    Raises:
        ScanError: the field of view is to be scaled or rotated, which is not simulated.
    """
    if parameter.fov_scaling != XYZ(x=1, y=1, z=1):
        raise ScanError("the simulated scanner cannot scale the field of view; set it to 1, 1, 1")
    if parameter.fov_rotation != XYZ(x=0, y=0, z=0):
        raise ScanError("the simulated scanner cannot rotate the field of view; set it to 0, 0, 0")
    offset = parameter.fov_offset
    return np.array([offset.x, offset.y, offset.z]) * 1e-3
