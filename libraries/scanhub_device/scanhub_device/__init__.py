"""Device SDK: connect a scanner to its server, take scans, report on them, deliver the data."""

from scanhub_device._upload import UploadReceipt
from scanhub_device.calibration import Calibration, CalibrationKind, CalibrationResult
from scanhub_device.client import DeviceClient
from scanhub_device.credentials import Credentials, load_credentials
from scanhub_device.errors import (
    CredentialsError,
    DeviceError,
    LinkLostError,
    ScanError,
    ScannerFaultError,
    SpoolError,
    UploadError,
)
from scanhub_device.messages import DeviceDetails, StartPayload
from scanhub_device.scan import Scan
from scanhub_device.scanner import (
    CalibratingScanner,
    ParameterListener,
    PausingScanner,
    RestingScanner,
    Scanner,
)
from scanhub_device.settings import ClientSettings
from scanhub_device.state import DeviceState

__all__ = [
    "CalibratingScanner",
    "Calibration",
    "CalibrationKind",
    "CalibrationResult",
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
    "Scanner",
    "ScannerFaultError",
    "SpoolError",
    "StartPayload",
    "UploadError",
    "UploadReceipt",
    "load_credentials",
]
