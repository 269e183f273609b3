"""How close pulses and readouts come to the ends of their blocks: dead times must fit in there."""

import numpy as np

from exam_manager.sequences.pulseq_facts.alike import alike
from exam_manager.sequences.pulseq_file.model import PulseqFile
from exam_manager.sequences.pulseq_file.sections import Floats, Ints


def shortest_margins(file: PulseqFile) -> dict[str, float]:
    """Return the shortest time before and after all pulses and all readouts, where there are any.

    Negative: one is longer than its block.
    """
    blocks, found = file.blocks, {}
    if blocks.rf.any():
        used = np.flatnonzero(blocks.rf)
        used = used[alike(blocks.rf[used], blocks.duration_s[used])[0]]
        pulses = [file.rf[number] for number in blocks.rf[used].tolist()]
        found["shortest_rf_lead_s"] = _least(np.array([pulse.delay_s for pulse in pulses]))
        ends = np.array([pulse.end_s for pulse in pulses])
        found["shortest_rf_tail_s"] = _least(_left(file, used, ends))
    if blocks.adc.any():
        used, table = np.flatnonzero(blocks.adc), file.tables.adcs
        rows = file.adcs.rows(blocks.adc[used])
        found["shortest_adc_lead_s"] = _least(table.delay_s[rows])
        ends = (table.delay_s + table.samples * table.dwell_s)[rows]
        found["shortest_adc_tail_s"] = _least(_left(file, used, ends))
    return found


def _left(file: PulseqFile, blocks: Ints, ends: Floats) -> Floats:
    left: Floats = file.blocks.duration_s[blocks] - ends
    return left


def _least(times: Floats) -> float:
    return round(float(times.min()), 9)
