"""Whether a device may play a sequence: pure, facts and limits in, reasons against it out.

What the facts cannot tell is a reason too: a gate that does not know does not open. These are
checks before a scan; the scanner's own supervision during it (IEC 60601-2-33) stays what protects.
"""

from dataclasses import dataclass
from math import isclose, sqrt

from scanhub_libraries.models import SequenceFacts

_ROUNDING = 1e-6
"""Relative: what lies closer to a limit comes from the arithmetic."""
_GRID_S = 1e-9


@dataclass(frozen=True, slots=True)
class NerveCoil:
    """How a gradient coil stimulates nerves (IEC 60601-2-33:2022, AA.21)."""

    rheobase_t_per_s: float
    chronaxie_s: float
    effective_length_m: tuple[float, float, float]
    """Of x, y, z: dB/dt at the nerve over slew rate."""


@dataclass(frozen=True, slots=True)
class DeviceLimits:
    """What a device can and may do; None: no limit is known, so none is checked."""

    max_gradient_mt_per_m: float | None = None
    """Of each axis."""
    max_slew_t_per_m_per_s: float | None = None
    """Of each axis."""
    max_b1_ut: float | None = None
    max_b1_rms_10s_ut: float | None = None
    max_b1_rms_6min_ut: float | None = None
    """With the coil and the patient this stands for a limit of SAR."""
    max_rf_pulse_s: float | None = None
    max_rf_duty_cycle: float | None = None
    rf_dead_time_s: float | None = None
    rf_ringdown_time_s: float | None = None
    adc_dead_time_s: float | None = None
    nerve_coil: NerveCoil | None = None
    max_pns_percent: float = 100.0


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a sequence is not played."""

    fact: str
    value: float | None
    """None: the facts do not tell it."""
    limit: float
    unit: str
    message: str


def reasons_against(facts: SequenceFacts, limits: DeviceLimits) -> list[Reason]:
    """Return every limit that a sequence exceeds, or may exceed as far as the facts tell."""
    return [
        *_peaks(facts, limits),
        *_radio_frequency(facts, limits),
        *_margins(facts, limits),
        *_stimulation(facts, limits),
        *_timing(facts),
    ]


def _peaks(facts: SequenceFacts, limits: DeviceLimits) -> list[Reason]:
    found = []
    for fact, limit, unit in (
        ("peak_gradient_mt_per_m", limits.max_gradient_mt_per_m, "mT/m"),
        ("peak_slew_t_per_m_per_s", limits.max_slew_t_per_m_per_s, "T/m/s"),
    ):
        peak = getattr(facts, fact)
        for axis in ("x", "y", "z"):
            found += _most(f"{fact}.{axis}", getattr(peak, axis, None), limit, unit)
    return found


def _radio_frequency(facts: SequenceFacts, limits: DeviceLimits) -> list[Reason]:
    if facts.rf_pulses == {}:
        return []
    return [
        *_most("peak_b1_ut", facts.peak_b1_ut, limits.max_b1_ut, "uT"),
        *_most("b1_rms_10s_ut", facts.b1_rms_10s_ut, limits.max_b1_rms_10s_ut, "uT"),
        *_most("b1_rms_6min_ut", facts.b1_rms_6min_ut, limits.max_b1_rms_6min_ut, "uT"),
        *_most("longest_rf_pulse_s", facts.longest_rf_pulse_s, limits.max_rf_pulse_s, "s"),
        *_most("rf_duty_cycle", facts.rf_duty_cycle, limits.max_rf_duty_cycle, "1"),
    ]


def _margins(facts: SequenceFacts, limits: DeviceLimits) -> list[Reason]:
    found = []
    if facts.rf_pulses != {}:
        found += _least("shortest_rf_lead_s", facts.shortest_rf_lead_s, limits.rf_dead_time_s)
        found += _least("shortest_rf_tail_s", facts.shortest_rf_tail_s, limits.rf_ringdown_time_s)
    if facts.num_readouts:
        found += _least("shortest_adc_lead_s", facts.shortest_adc_lead_s, limits.adc_dead_time_s)
        found += _least("shortest_adc_tail_s", facts.shortest_adc_tail_s, limits.adc_dead_time_s)
    return found


def stimulation_percent(facts: SequenceFacts, coil: NerveCoil) -> float | None:
    """Return the most that a sequence can stimulate with a coil [% of the threshold].

    Exact where the coil is as long for all axes; else all axes count as largest at one moment.
    None: the facts are of another chronaxie, or have no estimate for all of the sequence.
    """
    slew, chronaxie_s = facts.peak_filtered_slew_t_per_m_per_s, facts.pns_chronaxie_s
    if slew is None or chronaxie_s is None or not facts.pns_complete:
        return None
    if not isclose(chronaxie_s, coil.chronaxie_s, rel_tol=_ROUNDING):
        return None
    x, y, z = coil.effective_length_m
    if x == y == z:
        return 100 * x * slew.vector / coil.rheobase_t_per_s
    size = sqrt((x * slew.x) ** 2 + (y * slew.y) ** 2 + (z * slew.z) ** 2)
    longest = max(coil.effective_length_m) * slew.vector
    return 100 * min(size, longest) / coil.rheobase_t_per_s


def _stimulation(facts: SequenceFacts, limits: DeviceLimits) -> list[Reason]:
    if limits.nerve_coil is None:
        return []
    percent = stimulation_percent(facts, limits.nerve_coil)
    return _most("pns_percent", percent, limits.max_pns_percent, "%")


def _timing(facts: SequenceFacts) -> list[Reason]:
    if facts.num_timing_errors is None:
        return [_unknown("num_timing_errors", 0, "1")]
    if not facts.num_timing_errors:
        return []
    message = f"the sequence has {facts.num_timing_errors} timing errors"
    for first in (facts.timing_errors or [])[:1]:
        message += f"; block {first.block}, {first.event}: {first.message}"
    return [Reason("num_timing_errors", facts.num_timing_errors, 0, "1", message)]


def _most(fact: str, value: float | None, limit: float | None, unit: str) -> list[Reason]:
    if limit is None:
        return []
    if value is None:
        return [_unknown(fact, limit, unit)]
    if value <= limit * (1 + _ROUNDING):
        return []
    return [Reason(fact, value, limit, unit, f"{fact} is {value:g} {unit}, above {limit:g} {unit}")]


def _least(fact: str, value: float | None, limit: float | None) -> list[Reason]:
    if limit is None:
        return []
    if value is None:
        return [_unknown(fact, limit, "s")]
    if value >= limit - _GRID_S:
        return []
    return [Reason(fact, value, limit, "s", f"{fact} is {value:g} s, below {limit:g} s")]


def _unknown(fact: str, limit: float, unit: str) -> Reason:
    message = f"{fact} is not known of this sequence, so it cannot be held against {limit:g} {unit}"
    return Reason(fact, None, limit, unit, message)
