"""What a Pulseq file says of itself."""

from typing import Annotated, Any, Literal

from pydantic import Field

from scanhub_libraries.models.fields import WireModel

Number = float | None
Whole = int | None


class TimingError(WireModel):
    """Something that a scanner will not play as it stands."""

    block: Annotated[int, Field(description="Number of the block in the file")]
    event: Annotated[str, Field(description="rf, gx, gy, gz, adc, trigger, or block")]
    message: str


class PeakPerAxis(WireModel):
    """A largest value per axis and of the vector sum."""

    x: float
    y: float
    z: float
    vector: Annotated[float, Field(description="Largest length of the vector of all three axes")]


class SequenceFacts(WireModel):
    """What the file itself says, computed at upload. None: not told, `notes` has the reason."""

    pulseq_version: str
    duration_s: Annotated[float, Field(description="Duration [s]")]
    num_blocks: int
    num_readouts: int
    definitions: dict[str, Any] = {}
    analysis_version: Annotated[
        Whole, Field(description="Which analysis computed this; None: before there was one")
    ] = None
    notes: Annotated[list[str], Field(description="What was assumed, and what cannot be told")] = []
    signature: Annotated[
        Literal["ok", "mismatch", "absent", "unknown"] | None,
        Field(description="Whether the file is as its writer left it, by its own hash"),
    ] = None
    gyromagnetic_ratio_hz_per_t: Annotated[
        Number, Field(description="Assumed for all fields in tesla: that of 1H [Hz/T]")
    ] = None

    repetition_time_s: Annotated[
        Number, Field(description="Between inversions, else excitations of one slice [s]")
    ] = None
    echo_time_s: Annotated[
        Number, Field(description="Excitation to centre of k-space, the shortest [s]")
    ] = None
    echo_times_s: Annotated[
        list[float] | None, Field(description="All echo times at the centre of k-space [s]")
    ] = None
    inversion_time_s: Annotated[
        Number, Field(description="Inversion to the excitation of the centre of k-space [s]")
    ] = None
    flip_angles_deg: Annotated[
        list[float] | None, Field(description="Different flip angles of excitations [degree]")
    ] = None
    matrix: Annotated[
        list[int] | None, Field(description="Points: readout, phase, partitions (2D: slices)")
    ] = None
    field_of_view_m: Annotated[
        list[float] | None,
        Field(description="By definitions: x, y, z; by k-space: readout, phase, partitions [m]"),
    ] = None
    field_of_view_source: Annotated[
        Literal["definitions", "k-space"] | None, Field(description="Where it comes from")
    ] = None
    trajectory: Annotated[
        Literal["cartesian", "epi", "radial", "spiral", "other"] | None,
        Field(description="Path of the readouts through k-space; None: `notes` has the reason"),
    ] = None
    alternating_readouts: Annotated[
        bool | None, Field(description="Cartesian, EPI: lines of one train run to and fro")
    ] = None
    num_slices: Annotated[Whole, Field(description="Different slices or slabs excited")] = None
    samples_per_readout: Annotated[Whole, Field(description="Of most readouts")] = None
    dwell_time_s: Annotated[Number, Field(description="Of most readouts [s]")] = None
    bandwidth_hz: Annotated[Number, Field(description="Of most readouts, whole [Hz]")] = None
    bandwidth_per_pixel_hz: Annotated[
        Number, Field(description="Of most readouts, per sample [Hz]")
    ] = None
    rf_pulses: Annotated[
        dict[str, int] | None, Field(description="Number of RF pulses by what they are for")
    ] = None

    peak_gradient_mt_per_m: Annotated[
        PeakPerAxis | None, Field(description="Largest gradient [mT/m]")
    ] = None
    peak_slew_t_per_m_per_s: Annotated[
        PeakPerAxis | None,
        Field(description="Largest slew rate, from block to block too [T/m/s]"),
    ] = None
    b1_rms_ut: Annotated[
        Number, Field(description="B1+rms over the sequence, as if repeated at once [uT]")
    ] = None
    b1_rms_10s_ut: Annotated[
        Number,
        Field(description="Largest B1+rms in 10 s; nothing follows a shorter sequence [uT]"),
    ] = None
    b1_rms_6min_ut: Annotated[
        Number,
        Field(description="Largest B1+rms in 6 min; nothing follows a shorter sequence [uT]"),
    ] = None
    peak_b1_ut: Annotated[Number, Field(description="Largest B1+ [uT]")] = None
    rf_duty_cycle: Annotated[Number, Field(description="Share of time with RF, 0 to 1")] = None
    longest_rf_pulse_s: Annotated[Number, Field(description="Longest RF pulse [s]")] = None
    pns_percent: Annotated[
        Number,
        Field(description="Estimate of peripheral nerve stimulation, largest [% of threshold]"),
    ] = None
    pns_time_s: Annotated[Number, Field(description="When that is [s]")] = None
    pns_model: Annotated[str | None, Field(description="Model and parameters assumed")] = None
    pns_complete: Annotated[
        bool | None, Field(description="Whether the estimate is of the whole sequence")
    ] = None
    pns_chronaxie_s: Annotated[Number, Field(description="Chronaxie of the filter [s]")] = None
    peak_filtered_slew_t_per_m_per_s: Annotated[
        PeakPerAxis | None,
        Field(description="Largest filtered slew: with a coil's rheobase and length its PNS"),
    ] = None

    shortest_rf_lead_s: Annotated[
        Number, Field(description="Shortest time from the start of a block to its RF pulse [s]")
    ] = None
    shortest_rf_tail_s: Annotated[
        Number, Field(description="Shortest time from an RF pulse to the end of its block [s]")
    ] = None
    shortest_adc_lead_s: Annotated[
        Number, Field(description="Shortest time from the start of a block to its readout [s]")
    ] = None
    shortest_adc_tail_s: Annotated[
        Number, Field(description="Shortest time from a readout to the end of its block [s]")
    ] = None

    timing_errors: Annotated[
        list[TimingError] | None, Field(description="The first 100, by block")
    ] = None
    num_timing_errors: Annotated[Whole, Field(description="How many there are in all")] = None
