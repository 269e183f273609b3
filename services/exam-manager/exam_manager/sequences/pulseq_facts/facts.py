"""Puts together what people want to know of a sequence."""

from typing import Any

import numpy as np

from exam_manager.sequences.pulseq_facts import nerves
from exam_manager.sequences.pulseq_facts.encoding import Encoding, find_encoding
from exam_manager.sequences.pulseq_facts.fading import CHRONAXIE_S
from exam_manager.sequences.pulseq_facts.gradients import BlockGradients
from exam_manager.sequences.pulseq_facts.hardware import GradientLoad, gradient_load
from exam_manager.sequences.pulseq_facts.kspace import KSpace
from exam_manager.sequences.pulseq_facts.margins import shortest_margins
from exam_manager.sequences.pulseq_facts.pulses import USE_NAMES, Pulses, played_pulses, rf_power
from exam_manager.sequences.pulseq_facts.timing import MOST_SHOWN, timing_faults
from exam_manager.sequences.pulseq_file.events import GAMMA_HZ_PER_T
from exam_manager.sequences.pulseq_file.model import PulseqFile, SoftDelay
from exam_manager.sequences.pulseq_file.sections import Floats
from scanhub_libraries.models.sequence_facts import PeakPerAxis, SequenceFacts, TimingError

ANALYSIS_VERSION = 2
"""Raise it when an analysis tells something new or otherwise: stored facts can be told apart."""
_MOST_LISTED = 32
_MOST_DEFINITIONS, _LONGEST_DEFINITION = 1000, 4000
_SHORTEST_DWELL_S = 1e-12


def analyse(file: PulseqFile) -> SequenceFacts:
    """Return all facts of a sequence."""
    gradients = BlockGradients(file)
    pulses = played_pulses(file)
    load = gradient_load(gradients, file.rasters.gradient_s)
    notes = list(file.notes)
    if _is_soft(file):
        notes.append("soft delays may be set by the operator; times are those of the file")
    if pulses.guessed:
        notes.append("the file does not say what all RF pulses are for; that was guessed")
    encoding = find_encoding(file, pulses, KSpace(file, gradients, pulses))
    values = {
        **_encoding(encoding),
        **_pulses(file, pulses, notes),
        **_readouts(file, notes),
        **_gradients(file, gradients, load, notes),
        **shortest_margins(file),
        **_timing(file, load),
    }
    return SequenceFacts(
        pulseq_version=".".join(map(str, file.version)),
        duration_s=file.duration_s,
        num_blocks=len(file.blocks),
        num_readouts=int(np.count_nonzero(file.blocks.adc)),
        definitions=_told(file.definitions, notes),
        analysis_version=ANALYSIS_VERSION,
        signature=file.signature,
        gyromagnetic_ratio_hz_per_t=GAMMA_HZ_PER_T,
        notes=_first_notes([*notes, *encoding.notes]),
        **values,
    )


def _is_soft(file: PulseqFile) -> bool:
    used = np.unique(file.blocks.extension).tolist()
    return any(isinstance(event, SoftDelay) for number in used for event in file.extensions(number))


def _told(definitions: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    """Return the definitions without what is too much for a list of sequences."""
    told = {
        key: value
        for key, value in list(definitions.items())[:_MOST_DEFINITIONS]
        if len(key) + len(str(value)) <= _LONGEST_DEFINITION
    }
    if len(told) < len(definitions):
        left = len(definitions) - len(told)
        notes.insert(0, f"{left} definitions are too long or too many to tell")
    return told


def _first_notes(notes: list[str]) -> list[str]:
    more = len(notes) - _MOST_LISTED
    return notes if more <= 0 else [*notes[:_MOST_LISTED], f"and {more} notes more"]


def _encoding(found: Encoding) -> dict[str, Any]:
    return {
        "repetition_time_s": found.repetition_time_s,
        "echo_time_s": found.echo_times_s[0] if found.echo_times_s else None,
        "echo_times_s": found.echo_times_s or None,
        "inversion_time_s": found.inversion_time_s,
        "trajectory": found.trajectory,
        "alternating_readouts": found.alternating,
        "matrix": found.matrix,
        "field_of_view_m": found.field_of_view_m,
        "field_of_view_source": found.field_of_view_source,
        "num_slices": found.slices,
    }


def _pulses(file: PulseqFile, pulses: Pulses, notes: list[str]) -> dict[str, Any]:
    names, counts = np.unique(pulses.use, return_counts=True)
    uses = {USE_NAMES[str(name)]: int(count) for name, count in zip(names, counts, strict=True)}
    flips = np.unique(np.round(pulses.flip_deg[pulses.of("e")], 1))
    if flips.size > _MOST_LISTED:
        notes.append(f"only {_MOST_LISTED} of {flips.size} flip angles are listed")
    values: dict[str, Any] = {
        "rf_pulses": uses,
        "flip_angles_deg": flips[:_MOST_LISTED].tolist() or None,
    }
    power = rf_power(pulses, file.duration_s, GAMMA_HZ_PER_T)
    if power is None:
        notes.append("no RF pulse: there is no B1+")
        return values
    return {
        **values,
        "b1_rms_ut": 1e6 * power.b1_rms_t,
        "b1_rms_10s_ut": 1e6 * power.b1_rms_10s_t,
        "b1_rms_6min_ut": 1e6 * power.b1_rms_6min_t,
        "peak_b1_ut": 1e6 * power.peak_b1_t,
        "rf_duty_cycle": power.duty,
        "longest_rf_pulse_s": round(power.longest_s, 9),
    }


def _readouts(file: PulseqFile, notes: list[str]) -> dict[str, Any]:
    used = file.blocks.adc[file.blocks.adc > 0]
    if not used.size:
        notes.append("no readout")
        return {}
    rows = file.adcs.rows(used)
    table = file.tables.adcs
    pairs, counts = np.unique(
        np.stack([table.samples[rows], table.dwell_s[rows]]), axis=1, return_counts=True
    )
    if counts.size > 1:
        notes.append(f"there are {counts.size} kinds of readouts; the most frequent one is told")
    samples, dwell = pairs[:, np.argmax(counts)].tolist()
    values: dict[str, Any] = {"samples_per_readout": int(samples), "dwell_time_s": round(dwell, 12)}
    if dwell > _SHORTEST_DWELL_S:
        values["bandwidth_hz"] = round(1 / dwell, 6)
        values["bandwidth_per_pixel_hz"] = round(1 / dwell / samples, 6) if samples else None
    return values


def _gradients(
    file: PulseqFile, gradients: BlockGradients, load: GradientLoad, notes: list[str]
) -> dict[str, Any]:
    stimulation = nerves.estimate_stimulation(gradients, file.blocks.start_s, GAMMA_HZ_PER_T)
    peaks = {
        "peak_gradient_mt_per_m": _per_axis(1e3 * load.peak / GAMMA_HZ_PER_T),
        "peak_slew_t_per_m_per_s": _per_axis(load.slew / GAMMA_HZ_PER_T),
    }
    if not stimulation.analysed_s:
        notes.append("the gradients have too many different corners to estimate nerve stimulation")
        return peaks
    whole = stimulation.analysed_s >= file.duration_s * (1 - 1e-9)
    if not whole:
        notes.append(
            f"the nerve stimulation was estimated for the first {stimulation.analysed_s:g} s only"
        )
    elif not stimulation.complete:
        notes.append("the nerve stimulation may be larger: only the likeliest blocks were followed")
    return {
        **peaks,
        "pns_percent": stimulation.percent,
        "pns_time_s": round(stimulation.time_s, 9),
        "pns_model": nerves.MODEL,
        "pns_complete": whole and stimulation.complete,
        "pns_chronaxie_s": CHRONAXIE_S,
        "peak_filtered_slew_t_per_m_per_s": _per_axis(stimulation.filtered_slew),
    }


def _per_axis(values: Floats) -> PeakPerAxis:
    x, y, z, vector = values.tolist()
    return PeakPerAxis(x=x, y=y, z=z, vector=vector)


def _timing(file: PulseqFile, load: GradientLoad) -> dict[str, Any]:
    faults = timing_faults(file, load)
    first = sorted(
        (int(block), fault.event, fault.message)
        for fault in faults
        for block in fault.blocks[:MOST_SHOWN]
    )
    return {
        "num_timing_errors": sum(fault.blocks.size for fault in faults),
        "timing_errors": [
            TimingError(block=int(file.blocks.number[block]), event=event, message=message)
            for block, event, message in first[:MOST_SHOWN]
        ],
    }
