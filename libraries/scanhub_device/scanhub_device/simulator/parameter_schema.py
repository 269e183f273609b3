"""What the parameters of the simulated scanner may be, as a JSON Schema (draft 2020-12).

An administrator gives it to the server for devices of this type; editors make a form of it.
"""

from typing import Any, Final

from scanhub_device.simulator.magnet import (
    LARGEST_OFFSET_HZ,
    LARGEST_SHIM_UT_PER_M,
    LARMOR_FREQUENCY_HZ,
)

PARAMETER_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "title": "Simulated scanner",
    "required": ["larmor_frequency"],
    "properties": {
        "larmor_frequency": {
            "type": "number",
            "title": "Larmor frequency",
            "description": "What transmitter and receiver are tuned to",
            "unit": "Hz",
            "minimum": LARMOR_FREQUENCY_HZ - 10 * LARGEST_OFFSET_HZ,
            "maximum": LARMOR_FREQUENCY_HZ + 10 * LARGEST_OFFSET_HZ,
        },
        "flip_angle_calibration": {
            "type": "number",
            "title": "Flip angle calibration",
            "description": "RF amplitude that is played over the one that was asked for",
            "unit": "1",
            "minimum": 0.2,
            "maximum": 5,
        },
        "shims": {
            "type": "array",
            "title": "Linear shims",
            "description": "Gradient that the shim coils add; x, y, z",
            "unit": "uT/m",
            "items": {
                "type": "number",
                "minimum": -LARGEST_SHIM_UT_PER_M,
                "maximum": LARGEST_SHIM_UT_PER_M,
            },
            "minItems": 3,
            "maxItems": 3,
        },
        "field_strength_t": {
            "type": "number",
            "title": "Field strength",
            "unit": "T",
            "readOnly": True,
        },
        "receiver_channels": {
            "type": "integer",
            "title": "Receiver channels",
            "minimum": 1,
            "maximum": 128,
            "readOnly": True,
        },
        "sar_coefficient": {
            "type": "number",
            "title": "SAR coefficient",
            "description": "Power absorbed at a B1+rms of 1 uT",
            "unit": "W/uT^2",
            "exclusiveMinimum": 0,
            "readOnly": True,
        },
    },
}
