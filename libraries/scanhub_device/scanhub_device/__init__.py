"""Device SDK: connect a scanner to its server, take scans, report on them, deliver the data."""

from scanhub_device._upload import UploadReceipt
from scanhub_device.calibration import Calibration, CalibrationKind, CalibrationResult
from scanhub_device.client import DeviceClient
from scanhub_device.credentials import Credentials, load_credentials
from scanhub_device.errors import (
    CertificateError,
    CredentialsError,
    DeviceError,
    LinkLostError,
    ScanError,
    ScannerFaultError,
    ScanStoppedError,
    SpoolError,
    UploadError,
)
from scanhub_device.messages import DeviceDetails, StartPayload
from scanhub_device.running import run_device
from scanhub_device.scan import Scan
from scanhub_device.scanner import (
    CalibratingScanner,
    ParameterListener,
    PausingScanner,
    RestingScanner,
    Scanner,
    StreamingScanner,
)
from scanhub_device.settings import ClientSettings
from scanhub_device.state import DeviceState
from scanhub_device.stream import AcquisitionStream
from scanhub_device.sync import SyncScan, SyncScanner

__all__ = [
    "AcquisitionStream",
    "CalibratingScanner",
    "Calibration",
    "CalibrationKind",
    "CalibrationResult",
    "CertificateError",
    "ClientSettings",
    "Credentials",
    "CredentialsError",
    "DeviceClient",
    "DeviceDetails",
    "DeviceError",
    "DeviceState",
    "LinkLostError",
    "ParameterListener",
    "PausingScanner",
    "RestingScanner",
    "Scan",
    "ScanError",
    "ScanStoppedError",
    "Scanner",
    "ScannerFaultError",
    "SpoolError",
    "StartPayload",
    "StreamingScanner",
    "SyncScan",
    "SyncScanner",
    "UploadError",
    "UploadReceipt",
    "load_credentials",
    "run_device",
]
