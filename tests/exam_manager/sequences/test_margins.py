"""Times between events and the ends of their blocks: what dead times are held to."""

import pytest
from pulseq_text import gradient_echo

from exam_manager.sequences.pulseq import read_facts

FACTS = read_facts(gradient_echo(range(-16, 16)).bytes())


def test_the_margins_are_those_of_the_file():
    """A pulse of 1 ms fills its block; the readout begins and ends with the flat top."""
    assert (FACTS.shortest_rf_lead_s, FACTS.shortest_rf_tail_s) == (0, 0)
    assert (FACTS.shortest_adc_lead_s, FACTS.shortest_adc_tail_s) == pytest.approx((1e-4, 1e-4))
    assert FACTS.longest_rf_pulse_s == pytest.approx(1e-3)


def test_a_sequence_without_pulses_tells_that_it_has_none():
    silent = gradient_echo(range(4))
    silent.blocks = [block.replace(" 1 ", " 0 ", 1) for block in silent.blocks]
    facts = read_facts(silent.bytes())
    assert (facts.rf_pulses, facts.b1_rms_10s_ut, facts.shortest_rf_lead_s) == ({}, None, None)
