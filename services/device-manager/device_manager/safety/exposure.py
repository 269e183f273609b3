"""B1+rms, and the whole-body SAR that it makes in this patient with this device's calibration.

absorbed power [W] = sar_coefficient [W/uT^2] * B1+rms^2 [uT^2];  SAR [W/kg] = power / weight

A scan that is shorter than the time to average over counts as repeated without a pause: the gate
does not know what follows, and no row of scans that pass it then exceeds the limit.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite, nan
from typing import Any

from device_manager.safety.findings import Check, at_most, note, unknown
from device_manager.safety.standard import (
    FIRST_LEVEL_SAR_W_PER_KG,
    NORMAL_SAR_W_PER_KG,
    SAR_CLAUSE,
    SHORT_TERM_FACTOR,
    Level,
    bounded,
    level_of,
)
from scanhub_libraries.models import AcquisitionLimits, SafetyReason, SafetySeverity, SequenceFacts

COEFFICIENT = "sar_coefficient"
"""Name of the device parameter [W/uT^2]."""
_IMPLAUSIBLE = 1e9
"""Watts at 1 uT: no such coil."""
_SHORT_S, _LONG_S = 10.0, 360.0
_LESS = "Lower the flip angle, lengthen the repetition time"
_B1 = Check("max-b1-rms", "b1_rms_10s_ut", "B1+rms over 10 s", "uT", f"{_LESS}.")
_SAR = Check("sar", "sar_6min_w_per_kg", "The whole-body SAR", "W/kg", f"{_LESS}.", SAR_CLAUSE)


@dataclass(frozen=True, slots=True)
class Exposure:
    """B1+rms [uT] and whole-body SAR [W/kg]; None: cannot be told."""

    b1_10s: float | None
    b1_6min: float | None
    sar_10s: float | None = None
    sar_6min: float | None = None
    level: Level | None = None


def coefficient_of(parameter: dict[str, Any]) -> float | None:
    """Return the device's calibration of SAR; NaN if it tells one that is none."""
    value = parameter.get(COEFFICIENT)
    if value is None:
        return None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and 0 < value < _IMPLAUSIBLE else nan


def exposure_of(
    facts: SequenceFacts, patient: AcquisitionLimits | None, coefficient: float | None
) -> Exposure:
    """Return what a scan does to this patient."""
    b1_10s = _averaged(facts, facts.b1_rms_10s_ut, _SHORT_S)
    b1_6min = _averaged(facts, facts.b1_rms_6min_ut, _LONG_S)
    usable = coefficient is not None and isfinite(coefficient)
    if coefficient is None or not usable or patient is None or patient.patient_weight < 1:
        return Exposure(b1_10s, b1_6min)
    if b1_10s is None or b1_6min is None:
        return Exposure(b1_10s, b1_6min)
    sar_10s = bounded(coefficient * b1_10s**2 / patient.patient_weight)
    sar_6min = bounded(coefficient * b1_6min**2 / patient.patient_weight)
    normal, first = NORMAL_SAR_W_PER_KG, FIRST_LEVEL_SAR_W_PER_KG
    level = max(
        level_of(sar_6min, normal, first),
        level_of(sar_10s, SHORT_TERM_FACTOR * normal, SHORT_TERM_FACTOR * first),
    )
    return Exposure(b1_10s, b1_6min, sar_10s, sar_6min, level)


def _averaged(facts: SequenceFacts, window: float | None, seconds: float) -> float | None:
    if facts.rf_pulses == {}:
        return 0.0
    if window is None or facts.duration_s >= seconds:
        return window
    return max(window, facts.b1_rms_ut or 0.0)


def exposure_reasons(
    facts: SequenceFacts,
    exposure: Exposure,
    *,
    max_b1_rms: float | None,
    coefficient: float | None,
    patient: AcquisitionLimits | None,
) -> Iterator[SafetyReason]:
    """Yield every limit of RF exposure that a scan exceeds, or may exceed."""
    yield from at_most(_B1, exposure.b1_10s, max_b1_rms)
    if facts.rf_pulses == {}:
        return
    if coefficient is None:
        b1 = "unknown" if exposure.b1_6min is None else f"{exposure.b1_6min:.3g} uT"
        yield note(
            "no-sar-coefficient",
            f"The whole-body SAR was not checked: the device has no parameter {COEFFICIENT} "
            f"[W/uT^2]. B1+rms over 6 min is {b1}.",
            standard=SAR_CLAUSE,
        )
    elif not isfinite(coefficient):
        yield SafetyReason(
            code="sar-coefficient",
            severity=SafetySeverity.REFUSE,
            text=f"The parameter {COEFFICIENT} of the device is no plausible number [W/uT^2], so "
            "that the SAR cannot be checked. Correct it.",
            quantity=COEFFICIENT,
            unit="W/uT^2",
            standard=SAR_CLAUSE,
        )
    elif exposure.b1_6min is None or exposure.b1_10s is None:
        yield unknown(_SAR, NORMAL_SAR_W_PER_KG)
    elif exposure.sar_6min is not None and exposure.sar_10s is not None and patient is not None:
        yield from _sar(exposure.sar_6min, 1.0, "6 min", patient)
        yield from _sar(exposure.sar_10s, SHORT_TERM_FACTOR, "10 s", patient)


def _sar(
    value: float, factor: float, window: str, patient: AcquisitionLimits
) -> Iterator[SafetyReason]:
    normal, first = factor * NORMAL_SAR_W_PER_KG, factor * FIRST_LEVEL_SAR_W_PER_KG
    level = level_of(value, normal, first)
    if level is Level.NORMAL:
        return
    beyond = level is Level.BEYOND
    what = f"{_SAR.what}, averaged over {window}, is {value:.3g} W/kg"
    weight = f"a patient of {patient.patient_weight} kg"
    mode = "First Level" if beyond else "Normal Operating Mode"
    more = "." if beyond else ", or let a named person confirm the First Level."
    yield SafetyReason(
        code="sar-beyond-first-level" if beyond else "sar-first-level",
        severity=SafetySeverity.REFUSE if beyond else SafetySeverity.CONFIRM,
        text=f"{what} in {weight}; {mode} ends at {first if beyond else normal:g} W/kg. "
        f"{_LESS}{more}",
        quantity=f"sar_{window.replace(' ', '')}_w_per_kg",
        value=value,
        limit=first if beyond else normal,
        unit="W/kg",
        standard=SAR_CLAUSE,
    )
