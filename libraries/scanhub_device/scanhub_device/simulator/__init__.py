"""A scanner that is not there: it plays Pulseq files on a phantom known in closed form."""

from scanhub_device.simulated import (
    DEVICE_TYPE,
    default_sequence,
    epi_sequence,
    radial_sequence,
)
from scanhub_device.simulator.acquire import SimulatorSettings
from scanhub_device.simulator.bad_link import BadLink
from scanhub_device.simulator.faults import Fault, FaultKind
from scanhub_device.simulator.magnet import Magnet
from scanhub_device.simulator.parameter_schema import PARAMETER_SCHEMA
from scanhub_device.simulator.phantom import (
    MARKER_HEAD,
    MARKER_LEFT,
    PHANTOM,
    Contrast,
    Ellipsoid,
    phantom_image,
)
from scanhub_device.simulator.plan import ScanPlan, plan_scan
from scanhub_device.simulator.run import run
from scanhub_device.simulator.scanner import SimulatedScanner

__all__ = [
    "DEVICE_TYPE",
    "MARKER_HEAD",
    "MARKER_LEFT",
    "PARAMETER_SCHEMA",
    "PHANTOM",
    "BadLink",
    "Contrast",
    "Ellipsoid",
    "Fault",
    "FaultKind",
    "Magnet",
    "ScanPlan",
    "SimulatedScanner",
    "SimulatorSettings",
    "default_sequence",
    "epi_sequence",
    "phantom_image",
    "plan_scan",
    "radial_sequence",
    "run",
]
