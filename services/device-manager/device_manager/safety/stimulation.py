"""Peripheral nerve stimulation (PNS): an estimate, by the device's own coil if it tells it.

The facts carry the slew rate after the filter of IEC 60601-2-33 (AA.21): with rheobase r and
effective length a of a coil, PNS = 100 % * a / r * filtered slew rate. A device that tells limits
but not its coil is judged by the generic whole-body coil of the facts; for one that tells nothing
the number is a note.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import hypot, isclose

from device_manager.safety.findings import Check, note, unknown
from device_manager.safety.hardware import told
from device_manager.safety.placement import Placement
from device_manager.safety.standard import (
    FIRST_LEVEL_PNS_PERCENT,
    NORMAL_PNS_PERCENT,
    PNS_CLAUSE,
    ROUNDING,
    Level,
    bounded,
    level_of,
)
from scanhub_libraries.models import SafetyReason, SafetySeverity, SequenceFacts, SystemLimits

_CHECK = Check(
    "pns",
    "pns_percent",
    "The peripheral nerve stimulation",
    "%",
    "Lower the slew rates.",
    PNS_CLAUSE,
)
_TELL = "If its coil is another one, let the device tell it (pns_rheobase, pns_chronaxie, \
pns_coil_lengths in system_limits)."


@dataclass(frozen=True, slots=True)
class Stimulation:
    """The estimate [% of the threshold]; None: it cannot be told."""

    percent: float | None
    model: str | None
    own_coil: bool
    judged: bool
    """Whether the device takes part: it tells limits."""

    @property
    def level(self) -> Level | None:
        """Return the operating mode that it needs."""
        if self.percent is None or not self.judged:
            return None
        return level_of(self.percent, NORMAL_PNS_PERCENT, FIRST_LEVEL_PNS_PERCENT)


def stimulation_of(
    facts: SequenceFacts, limits: SystemLimits | None, placement: Placement
) -> Stimulation:
    """Return the estimate for a device."""
    judged = told(limits)
    if limits is not None and limits.pns_rheobase and limits.pns_coil_lengths:
        model = (
            f"IEC 60601-2-33 law, coil of the device: rheobase {limits.pns_rheobase:g} T/s, "
            f"effective lengths {', '.join(f'{a:g}' for a in limits.pns_coil_lengths)} m"
        )
        return Stimulation(_by_coil(facts, limits, placement), model, True, judged)
    percent = facts.pns_percent if facts.pns_complete else None
    if percent is not None:
        percent *= placement.largest
    return Stimulation(percent, facts.pns_model, False, judged)


def _by_coil(facts: SequenceFacts, limits: SystemLimits, placement: Placement) -> float | None:
    """Return the estimate by the device's own coil.

    Exact where the coil is as long for all axes; else all axes count as largest at one moment.
    """
    chronaxie = limits.pns_chronaxie
    slew = facts.peak_filtered_slew_t_per_m_per_s
    if slew is None or facts.pns_chronaxie_s is None or not facts.pns_complete:
        return None
    if chronaxie and not isclose(chronaxie, facts.pns_chronaxie_s, rel_tol=ROUNDING):
        return None
    placed = placement.peak(slew)
    lengths, rheobase = limits.pns_coil_lengths, limits.pns_rheobase
    if placed is None or lengths is None or rheobase is None:
        return None
    longest = max(lengths) * placed.vector
    each = hypot(lengths[0] * placed.x, lengths[1] * placed.y, lengths[2] * placed.z)
    return bounded(100 * min(longest, each) / rheobase)


def stimulation_reasons(found: Stimulation) -> Iterator[SafetyReason]:
    """Yield what the estimate means for a start."""
    if found.percent is None:
        if found.judged:
            yield unknown(_CHECK, NORMAL_PNS_PERCENT)
        else:
            yield note("pns-not-known", "Nerve stimulation was not estimated for this sequence.")
        return
    if not found.judged:
        yield note(
            "pns-not-judged",
            f"Nerve stimulation is {found.percent:.3g} % of the threshold by a generic whole-body "
            f"coil; the device does not tell its own, so no limit was applied. Model: "
            f"{found.model}.",
            quantity="pns_percent",
            value=found.percent,
            unit="%",
            standard=PNS_CLAUSE,
        )
        return
    if not found.own_coil:
        yield note(
            "pns-generic-coil",
            f"Nerve stimulation was estimated by a generic coil. {_TELL} Model: {found.model}.",
            standard=PNS_CLAUSE,
        )
    level = level_of(found.percent, NORMAL_PNS_PERCENT, FIRST_LEVEL_PNS_PERCENT)
    if level is not Level.NORMAL:
        yield _beyond(found, found.percent, level)


def _beyond(found: Stimulation, percent: float, level: Level) -> SafetyReason:
    beyond = level is Level.BEYOND
    limit = FIRST_LEVEL_PNS_PERCENT if beyond else NORMAL_PNS_PERCENT
    mode = "First Level" if beyond else "Normal Operating Mode"
    more = "" if beyond else " or let a named person confirm the First Level."
    hint = f" {_TELL}" if not found.own_coil else ""
    return SafetyReason(
        code="pns-beyond-first-level" if beyond else "pns-first-level",
        severity=SafetySeverity.REFUSE if beyond else SafetySeverity.CONFIRM,
        text=f"{_CHECK.what} is estimated at {percent:.3g} % of the threshold; {mode} ends at "
        f"{limit:g} %. Lower the slew rates{more or '.'}{hint}",
        quantity="pns_percent",
        value=percent,
        limit=limit,
        unit="%",
        standard=PNS_CLAUSE,
    )
