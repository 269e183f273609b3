"""Examples of scanners and their parameters, for the OpenAPI documents."""

from typing import Any

from scanhub_libraries.openapi_examples.ids import SCAN

Json = dict[str, Any]

_DEVICE_NAMING: Json = {"name": "Low field scanner", "description": "Room 1.04"}
DEVICE_EXAMPLES: dict[str, Json] = {
    "DeviceCertificateIn": {"sha256": "A1:B2:" + ":".join(["0F"] * 30)},
    "DeviceNaming": _DEVICE_NAMING,
    "DeviceCreationRequest": _DEVICE_NAMING,
    "StartSimulator": {"name": "Simulated scanner"},
    "SimulatorsOut": {"allowed": True, "reason": None, "running": [], "started": None},
    "StopRequest": {"task_id": SCAN},
    "SetDeviceParameter": {
        "parameter": {"larmor_frequency": 2_000_143.0, "shims": [0.0, 0.0, 0.0]},
        "comment": "After the magnet has warmed up",
    },
    "RestoreParameter": {"comment": "The calibration was made with the wrong phantom"},
    "ParameterSchemaIn": {
        "document": {
            "type": "object",
            "required": ["larmor_frequency"],
            "properties": {
                "larmor_frequency": {
                    "type": "number",
                    "title": "Larmor frequency",
                    "unit": "Hz",
                    "minimum": 1_900_000,
                    "maximum": 2_100_000,
                }
            },
        }
    },
    "CalibrateRequest": {"kinds": ["frequency", "flip-angle"]},
    "AbandonRequest": {"reason": "I looked: the scanner is at rest, its computer is off."},
    "SafetyRequest": {"task_id": SCAN, "acquisition_parameter": None, "sequence_id": None},
}
