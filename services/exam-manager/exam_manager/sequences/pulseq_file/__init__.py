"""A Pulseq file as tables of events."""

from exam_manager.sequences.pulseq_file.model import (
    AdcEvent,
    Blocks,
    GradientEvent,
    Label,
    PulseqFile,
    Rasters,
    RfEvent,
    RfShim,
    Rotation,
    SoftDelay,
    Trigger,
)
from exam_manager.sequences.pulseq_file.reader import read_pulseq
from exam_manager.sequences.pulseq_file.sections import PulseqTextError

__all__ = [
    "AdcEvent",
    "Blocks",
    "GradientEvent",
    "Label",
    "PulseqFile",
    "PulseqTextError",
    "Rasters",
    "RfEvent",
    "RfShim",
    "Rotation",
    "SoftDelay",
    "Trigger",
    "read_pulseq",
]
