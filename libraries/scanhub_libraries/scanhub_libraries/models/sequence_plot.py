"""What is drawn of an MRI sequence: lines of its channels, and the list of its blocks."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from scanhub_libraries.models.fields import WireModel

Seconds = Annotated[float, Field(description="[s]")]


class PlotChannelName(StrEnum):
    """What can be drawn; each in its unit."""

    RF_MAGNITUDE = "rf_magnitude"
    RF_PHASE = "rf_phase"
    GX = "gx"
    GY = "gy"
    GZ = "gz"
    ADC = "adc"


class PlotChannel(WireModel):
    """Lines of one channel in a window of time. Outside of its lines a channel is zero."""

    name: PlotChannelName
    unit: Annotated[str, Field(description="Hz, rad, mT/m, or 1 (a readout is on)")]
    exact: Annotated[
        bool,
        Field(
            description="Every vertex is here; else each bin of time has its first, lowest, highest"
            " and last one, so that no extreme is lost"
        ),
    ]
    num_vertices: Annotated[int, Field(description="How many vertices the window has")]
    time_s: Annotated[list[float], Field(description="[s] from the start of the sequence")]
    value: Annotated[list[float], Field(description="In the unit of the channel")]
    strokes: Annotated[
        list[int], Field(description="Index of the first point of each unbroken line")
    ]


class SequencePlot(WireModel):
    """What is drawn of a sequence in a window of time."""

    begin_s: Seconds
    end_s: Seconds
    duration_s: Annotated[float, Field(description="Of the whole sequence [s]")]
    num_blocks: Annotated[int, Field(description="How many blocks begin in the window")]
    block_start_s: Annotated[
        list[float], Field(description="When they begin [s]; empty if they are too many to draw")
    ]
    channels: list[PlotChannel]


class RfPulse(WireModel):
    """A radio-frequency pulse of a block; times count from the start of the block."""

    number: Annotated[int, Field(description="Its number in the file")]
    use: Annotated[str, Field(description="e, r, i, s, p, o, or u (undefined), as in Pulseq")]
    amplitude_hz: Annotated[float, Field(description="Peak [Hz]")]
    delay_s: Seconds
    duration_s: Seconds
    center_s: Seconds
    frequency_offset_hz: Annotated[float, Field(description="[Hz]")]
    phase_offset_rad: Annotated[float, Field(description="[rad]")]
    num_samples: int


class GradientPulse(WireModel):
    """A gradient of a block as it stands in the file; times count from the start of the block."""

    number: Annotated[int, Field(description="Its number in the file")]
    kind: Annotated[str, Field(description="trapezoid, arbitrary or extended")]
    amplitude: Annotated[float, Field(description="Largest value, with its sign [mT/m]")]
    delay_s: Seconds
    duration_s: Seconds
    num_vertices: int


class Readout(WireModel):
    """A readout of a block; times count from the start of the block."""

    number: Annotated[int, Field(description="Its number in the file")]
    num_samples: int
    dwell_s: Seconds
    delay_s: Seconds
    duration_s: Seconds
    frequency_offset_hz: Annotated[float, Field(description="[Hz]")]
    phase_offset_rad: Annotated[float, Field(description="[rad]")]


class SequenceBlock(WireModel):
    """A block of a sequence with all that is played in it."""

    index: Annotated[int, Field(description="Counts from 0 in the order in which they are played")]
    number: Annotated[int, Field(description="Its number in the file")]
    start_s: Seconds
    duration_s: Seconds
    rf: RfPulse | None = None
    gx: GradientPulse | None = None
    gy: GradientPulse | None = None
    gz: GradientPulse | None = None
    adc: Readout | None = None
    extensions: Annotated[
        list[dict[str, Any]],
        Field(description="Labels, triggers, soft delays, rotations, shims, each with its kind"),
    ] = []
