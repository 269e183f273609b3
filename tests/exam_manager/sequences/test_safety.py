"""Facts of a sequence against the limits of a device."""

from dataclasses import replace

import pytest
from pulseq_text import gradient_echo

from exam_manager.sequences.pulseq import read_facts
from exam_manager.sequences.pulseq_facts import nerves
from exam_manager.sequences.safety import (
    DeviceLimits,
    NerveCoil,
    reasons_against,
    stimulation_percent,
)
from scanhub_libraries.models import SequenceFacts

FACTS = read_facts(gradient_echo(range(-16, 16)).bytes())
LENGTH = nerves.COIL_LENGTH_M
COIL = NerveCoil(nerves.RHEOBASE_T_PER_S, FACTS.pns_chronaxie_s, (LENGTH, LENGTH, LENGTH))
LIMITS = DeviceLimits(
    max_gradient_mt_per_m=FACTS.peak_gradient_mt_per_m.x,
    max_slew_t_per_m_per_s=FACTS.peak_slew_t_per_m_per_s.x,
    max_b1_ut=FACTS.peak_b1_ut,
    max_b1_rms_10s_ut=FACTS.b1_rms_10s_ut,
    max_b1_rms_6min_ut=FACTS.b1_rms_6min_ut,
    max_rf_pulse_s=1e-3,
    max_rf_duty_cycle=FACTS.rf_duty_cycle,
    rf_dead_time_s=0.0,
    rf_ringdown_time_s=0.0,
    adc_dead_time_s=100e-6,
    nerve_coil=COIL,
    max_pns_percent=FACTS.pns_percent,
)


def test_what_is_at_all_limits_may_be_played():
    assert reasons_against(FACTS, LIMITS) == []
    assert reasons_against(FACTS, DeviceLimits()) == []


def test_the_margins_are_those_of_the_file():
    """A pulse of 1 ms fills its block; the readout begins and ends with the flat top."""
    assert (FACTS.shortest_rf_lead_s, FACTS.shortest_rf_tail_s) == (0, 0)
    assert (FACTS.shortest_adc_lead_s, FACTS.shortest_adc_tail_s) == pytest.approx((1e-4, 1e-4))
    assert FACTS.longest_rf_pulse_s == pytest.approx(1e-3)


@pytest.mark.parametrize(
    ("limit", "facts"),
    [
        ("max_gradient_mt_per_m", ["peak_gradient_mt_per_m.x"]),
        ("max_slew_t_per_m_per_s", ["peak_slew_t_per_m_per_s.x"]),
        ("max_b1_ut", ["peak_b1_ut"]),
        ("max_b1_rms_10s_ut", ["b1_rms_10s_ut"]),
        ("max_b1_rms_6min_ut", ["b1_rms_6min_ut"]),
        ("max_rf_pulse_s", ["longest_rf_pulse_s"]),
        ("max_rf_duty_cycle", ["rf_duty_cycle"]),
        ("max_pns_percent", ["pns_percent"]),
    ],
)
def test_each_limit_is_a_reason_of_its_own(limit, facts):
    lower = getattr(LIMITS, limit) * 0.999
    found = reasons_against(FACTS, replace(LIMITS, **{limit: lower}))
    assert [reason.fact for reason in found] == facts
    assert found[0].limit == lower
    assert found[0].value > lower
    assert found[0].fact in found[0].message
    assert f"above {lower:g}" in found[0].message


@pytest.mark.parametrize(
    ("limit", "facts"),
    [
        ("rf_dead_time_s", ["shortest_rf_lead_s"]),
        ("rf_ringdown_time_s", ["shortest_rf_tail_s"]),
        ("adc_dead_time_s", ["shortest_adc_lead_s", "shortest_adc_tail_s"]),
    ],
)
def test_dead_times_have_to_fit(limit, facts):
    found = reasons_against(FACTS, replace(LIMITS, **{limit: 200e-6}))
    assert [reason.fact for reason in found] == facts


def test_what_is_not_known_is_a_reason():
    old = SequenceFacts(pulseq_version="1.4.0", duration_s=1, num_blocks=1, num_readouts=1)
    found = reasons_against(old, LIMITS)
    assert {reason.value for reason in found} == {None}
    assert {"pns_percent", "peak_b1_ut", "num_timing_errors"} < {reason.fact for reason in found}
    assert "not known" in found[0].message


def test_a_sequence_without_pulses_has_no_b1_to_exceed():
    silent = gradient_echo(range(4))
    silent.blocks = [block.replace(" 1 ", " 0 ", 1) for block in silent.blocks]
    assert reasons_against(read_facts(silent.bytes()), LIMITS) == []


def test_timing_errors_are_a_reason_with_the_first_of_them():
    late = gradient_echo([0])
    late.blocks[0] = late.blocks[0].replace("100 ", "90 ", 1)
    (reason,) = reasons_against(read_facts(late.bytes()), DeviceLimits())
    assert reason.fact == "num_timing_errors"
    assert "block 1, rf: pulse is longer" in reason.message


def test_stimulation_follows_the_coil_of_the_device():
    assert stimulation_percent(FACTS, COIL) == pytest.approx(FACTS.pns_percent)
    twice = replace(COIL, rheobase_t_per_s=COIL.rheobase_t_per_s / 2)
    assert stimulation_percent(FACTS, twice) == pytest.approx(2 * FACTS.pns_percent)
    slew = FACTS.peak_filtered_slew_t_per_m_per_s
    flat = replace(COIL, effective_length_m=(LENGTH, 0.0, 0.0))
    assert stimulation_percent(FACTS, flat) == pytest.approx(100 * LENGTH * slew.x / 20)
    other = replace(COIL, effective_length_m=(LENGTH, LENGTH, LENGTH / 2))
    assert stimulation_percent(FACTS, other) <= FACTS.pns_percent * 1.000001
    assert stimulation_percent(FACTS, replace(COIL, chronaxie_s=1e-3)) is None
