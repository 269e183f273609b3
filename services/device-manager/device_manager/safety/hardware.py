"""What the device's hardware can do, against what the sequence asks of it."""

from collections.abc import Iterator

from device_manager.safety.findings import Check, at_least, at_most, note, shown, unknown
from device_manager.safety.placement import Placement
from device_manager.safety.standard import PULSEQ, ROUNDING, bounded
from scanhub_libraries.models import (
    PeakPerAxis,
    SafetyReason,
    SafetySeverity,
    SequenceFacts,
    SystemLimits,
)

_AXES = ("x", "y", "z")
_COIL = ("pns_rheobase", "pns_chronaxie", "pns_coil_lengths")
_OTHER = "Choose a sequence made for this device."
_WEAKER = "Choose a sequence with weaker gradients, or a field of view that is less scaled."
_FOV = "acquisition_parameter"
_DURATION = Check("max-duration", "duration_s", "The duration of the sequence", "s", _OTHER)
_RASTER = Check(
    "gradient-raster", "gradient_raster_s", "The raster of the gradients", "s", _OTHER, PULSEQ
)
_PULSE = Check("max-rf-duration", "longest_rf_pulse_s", "The longest RF pulse", "s", _OTHER)
_AMPLITUDE = Check(
    "max-rf-amplitude", "peak_b1_ut", "The largest RF amplitude", "uT", "Lower the flip angle."
)
_TIMES = {
    "rf_dead_time": (
        Check("rf-dead-time", "shortest_rf_lead_s", "The time before an RF pulse", "s", _OTHER),
    ),
    "rf_ringdown_time": (
        Check("rf-ringdown-time", "shortest_rf_tail_s", "The time after an RF pulse", "s", _OTHER),
    ),
    "adc_deadtime": (
        Check("adc-deadtime", "shortest_adc_lead_s", "The time before sampling", "s", _OTHER),
        Check("adc-deadtime", "shortest_adc_tail_s", "The time after sampling", "s", _OTHER),
    ),
}


def told(limits: SystemLimits | None) -> bool:
    """Say whether the device tells any limit."""
    return limits is not None and bool(limits.model_dump(exclude_none=True))


def coverage(limits: SystemLimits | None) -> Iterator[SafetyReason]:
    """Yield what was not checked because the device does not tell it."""
    if limits is None or not told(limits):
        yield note(
            "no-system-limits",
            "The device tells no limits of its hardware (system_limits): gradients, slew rates, "
            "RF and dead times of the sequence were not checked against it.",
        )
        return
    values = limits.model_dump()
    missing = [name for name, value in values.items() if value is None and name not in _COIL]
    if missing:
        yield note(
            "limits-not-told",
            f"Not checked, because the device does not tell them: {', '.join(missing)}.",
        )


def hardware_reasons(
    facts: SequenceFacts, limits: SystemLimits, placement: Placement
) -> Iterator[SafetyReason]:
    """Yield every limit of the hardware that a scan exceeds, or may exceed."""
    gradient = placement.peak(facts.peak_gradient_mt_per_m)
    slew = placement.peak(facts.peak_slew_t_per_m_per_s)
    yield from _per_axis("gradient", "mT/m", gradient, limits.max_gradients)
    yield from _per_axis("slew rate", "T/m/s", slew, limits.max_slew_rates)
    yield from at_most(_DURATION, facts.duration_s, limits.max_duration)
    if facts.rf_pulses != {}:
        yield from at_most(_PULSE, facts.longest_rf_pulse_s, limits.max_rf_duration)
        yield from at_most(_AMPLITUDE, facts.peak_b1_ut, limits.max_rf_amplitude)
        yield from _times("rf_dead_time", facts, limits)
        yield from _times("rf_ringdown_time", facts, limits)
    if facts.num_readouts:
        yield from _times("adc_deadtime", facts, limits)
    if gradient is None or gradient.vector:
        yield from _raster(facts, limits.gradient_raster_time)


def _per_axis(
    what: str, unit: str, peak: PeakPerAxis | None, limits: list[float] | None
) -> Iterator[SafetyReason]:
    name = what.replace(" ", "-")
    fact = "peak_gradient_mt_per_m" if name == "gradient" else "peak_slew_t_per_m_per_s"
    for axis, limit in zip(_AXES, limits or (), strict=False):
        check = Check(
            f"max-{name}", f"{fact}.{axis}", f"The largest {what} along {axis}", unit, _WEAKER
        )
        yield from at_most(check, None if peak is None else getattr(peak, axis), limit)


def _times(limit: str, facts: SequenceFacts, limits: SystemLimits) -> Iterator[SafetyReason]:
    for check in _TIMES[limit]:
        yield from at_least(check, getattr(facts, check.quantity), getattr(limits, limit))


def _raster(facts: SequenceFacts, limit: float | None) -> Iterator[SafetyReason]:
    """A raster fits if each of its steps is one of the device's."""
    if limit is None:
        return
    raster = facts.definitions.get("GradientRasterTime")
    if not isinstance(raster, int | float) or isinstance(raster, bool) or raster <= 0:
        yield unknown(_RASTER, limit)
        return
    steps = bounded(raster / limit)
    if round(steps) >= 1 and abs(steps - round(steps)) <= ROUNDING * steps:
        return
    yield SafetyReason(
        code=_RASTER.code,
        severity=SafetySeverity.REFUSE,
        text=f"{_RASTER.what} is {shown(raster, 's')}, no multiple of the {shown(limit, 's')} of "
        f"the device. {_RASTER.advice}",
        quantity=_RASTER.quantity,
        value=raster,
        limit=limit,
        unit="s",
        standard=PULSEQ,
    )


def timing_reasons(facts: SequenceFacts) -> Iterator[SafetyReason]:
    """Yield that the file cannot be played as it stands; that holds for every device."""
    if facts.num_timing_errors is None:
        yield SafetyReason(
            code="unknown-timing",
            severity=SafetySeverity.CONFIRM,
            text="It is not known whether the timing of the sequence is right. Upload it again so "
            "that it is analysed, or let a named person confirm the scan.",
            quantity="num_timing_errors",
            standard=PULSEQ,
        )
    elif facts.num_timing_errors:
        first = [
            f"block {error.block}, {error.event}: {error.message}"
            for error in (facts.timing_errors or [])[:3]
        ]
        yield SafetyReason(
            code="timing",
            severity=SafetySeverity.REFUSE,
            text=f"The sequence has {facts.num_timing_errors} timing errors"
            f"{': ' if first else ''}{'; '.join(first)}. Correct the sequence and upload it again.",
            quantity="num_timing_errors",
            value=facts.num_timing_errors,
            limit=0,
            unit="1",
            standard=PULSEQ,
        )


def impossible_placement() -> SafetyReason:
    """Return the reason against a field of view that no gradient can make."""
    return SafetyReason(
        code="fov-scaling",
        severity=SafetySeverity.REFUSE,
        text="The scaling of the field of view is no factor from 0.001 to 1000 along each axis: "
        "set it to 1 for no scaling.",
        quantity=f"{_FOV}.fov_scaling",
    )
