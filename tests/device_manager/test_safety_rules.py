"""The safety gate as a pure function: each limit, each unknown, each mode, and who may confirm."""

import json

import pytest
from planned_scans import FACTS, LIMITS, PATIENT, SCAN, codes, facts, judged, limits, placed

from device_manager.acquisitions.rules import raise_refusals
from device_manager.safety.rules import confirmed, may_confirm, refusals
from scanhub_libraries.clock import utc_now
from scanhub_libraries.errors import ConflictError, ForbiddenError, UnprocessableError
from scanhub_libraries.models import (
    AcquisitionLimits,
    ConfirmSafety,
    SequenceFacts,
    SystemLimits,
    UserRole,
)
from scanhub_libraries.security.principal import Principal, PrincipalKind

NOTHING = SequenceFacts(pulseq_version="1.4.0", duration_s=400, num_blocks=1, num_readouts=1)
FIRST_LEVEL = {"sar_coefficient": 180.0}
"""3 W/kg at 60 kg and 1 uT."""


def person(role: UserRole = UserRole.MEDICAL) -> Principal:
    return Principal(kind=PrincipalKind.USER, subject="ada", role=role)


def test_what_is_at_all_limits_passes_without_a_word():
    found = judged()
    assert (found.outcome, found.reasons) == ("pass", [])
    assert found.operating_mode == "normal"
    assert found.estimates.sar_6min_w_per_kg == pytest.approx(10 * 1**2 / 60)
    assert found.estimates.sar_10s_w_per_kg == pytest.approx(10 * 2**2 / 60)
    assert found.estimates.pns_percent == pytest.approx(100 * 0.3 * 36 / 20)


@pytest.mark.parametrize(
    ("changed", "code", "quantity"),
    [
        ({"max_gradients": [9.9, 8, 6]}, "max-gradient", "peak_gradient_mt_per_m.x"),
        ({"max_gradients": [10, 8, 5.9]}, "max-gradient", "peak_gradient_mt_per_m.z"),
        ({"max_slew_rates": [100, 79, 60]}, "max-slew-rate", "peak_slew_t_per_m_per_s.y"),
        ({"max_rf_duration": 2.9e-3}, "max-rf-duration", "longest_rf_pulse_s"),
        ({"max_rf_amplitude": 9.9}, "max-rf-amplitude", "peak_b1_ut"),
        ({"max_b1_rms": 1.9}, "max-b1-rms", "b1_rms_10s_ut"),
        ({"max_duration": 399.0}, "max-duration", "duration_s"),
        ({"rf_dead_time": 101e-6}, "rf-dead-time", "shortest_rf_lead_s"),
        ({"rf_ringdown_time": 21e-6}, "rf-ringdown-time", "shortest_rf_tail_s"),
        ({"gradient_raster_time": 4e-6}, "gradient-raster", "gradient_raster_s"),
        ({"gradient_raster_time": 2e-5}, "gradient-raster", "gradient_raster_s"),
    ],
)
def test_each_limit_of_the_device_is_a_reason_of_its_own(changed, code, quantity):
    found = judged(system_limits=limits(**changed))
    (reason,) = found.reasons
    assert (found.outcome, reason.code, reason.quantity) == ("refuse", code, quantity)
    assert reason.value is not None
    assert reason.limit in (next(iter(changed.values())), *_flat(changed))
    assert reason.unit in ("mT/m", "T/m/s", "s", "uT")
    assert len(reason.text) > 40


def _flat(changed):
    return [item for value in changed.values() if isinstance(value, list) for item in value]


def test_a_finer_raster_of_the_device_plays_a_coarser_one_of_the_file():
    assert judged(system_limits=limits(gradient_raster_time=5e-6)).reasons == []


def test_dead_time_of_the_receiver_counts_before_and_after_sampling():
    found = judged(system_limits=limits(adc_deadtime=11e-6))
    assert [reason.quantity for reason in found.reasons] == [
        "shortest_adc_lead_s",
        "shortest_adc_tail_s",
    ]
    assert "10 us" in found.reasons[0].text
    assert "11 us" in found.reasons[0].text


def test_all_reasons_are_told_at_once():
    found = judged(
        system_limits=limits(max_gradients=[1, 1, 1], max_duration=1, rf_dead_time=1),
        facts=facts(num_timing_errors=3),
        patient=None,
    )
    assert set(codes(found)) == {
        "max-gradient",
        "max-duration",
        "rf-dead-time",
        "timing",
        "patient-limits",
    }
    assert len(found.reasons) == 7


@pytest.mark.parametrize("told", sorted(set(SystemLimits.model_fields) - {"max_duration"}))
def test_a_value_that_is_not_known_of_a_limit_that_is_told_has_to_be_confirmed(told):
    only = SystemLimits.model_validate({told: getattr(LIMITS, told)})
    found = judged(facts=NOTHING, system_limits=only)
    unknown = [code for code in codes(found, "confirm") if code.startswith("unknown-")]
    # Timing, SAR and stimulation are asked of every sequence.
    assert len(unknown) >= 3 + (not told.startswith("pns"))
    assert found.outcome == "confirm"
    assert found.operating_mode is None


def test_a_sequence_without_pulses_has_no_exposure_and_needs_no_coefficient():
    silent = facts(rf_pulses={}, b1_rms_ut=None, b1_rms_10s_ut=None, b1_rms_6min_ut=None)
    found = judged(facts=silent, device_parameter={})
    assert (found.reasons, found.operating_mode) == ([], "normal")


def test_a_sequence_without_readouts_needs_no_dead_time_of_the_receiver():
    deaf = facts(num_readouts=0, shortest_adc_lead_s=None, shortest_adc_tail_s=None)
    assert judged(facts=deaf).reasons == []


def test_timing_errors_refuse_on_every_device_with_the_first_of_them():
    error = {"block": 7, "event": "adc", "message": "readout is longer than its block"}
    wrong = SequenceFacts.model_validate(
        {**FACTS.model_dump(), "num_timing_errors": 2, "timing_errors": [error, error]}
    )
    for told in (LIMITS, None):
        found = judged(facts=wrong, system_limits=told)
        assert codes(found, "refuse") == ["timing"]
        assert "block 7, adc" in found.reasons[0].text


# --- what cannot be checked -----------------------------------------------------------------------


def test_a_device_that_tells_nothing_gets_notes_that_name_what_was_not_checked():
    found = judged(system_limits=None, device_parameter={}, facts=facts(pns_percent=130.0))
    assert found.outcome == "pass"
    assert codes(found) == ["no-system-limits", "no-sar-coefficient", "pns-not-judged"]
    assert "130" in found.reasons[2].text
    assert "a generic coil" in found.reasons[2].text
    assert found.operating_mode is None
    assert codes(judged(system_limits=SystemLimits(), device_parameter={})) == codes(found)


def test_limits_that_are_left_out_are_named():
    found = judged(system_limits=limits(max_duration=None, adc_deadtime=None))
    assert codes(found) == ["limits-not-told"]
    assert "max_duration, adc_deadtime" in found.reasons[0].text


def test_a_sequence_that_was_not_analysed_is_a_note_or_a_question():
    assert codes(judged(facts=None, system_limits=None), "note") == [
        "no-system-limits",
        "not-analysed",
    ]
    assert codes(judged(facts=None), "confirm") == ["not-analysed"]


def test_a_task_that_only_calibrates_passes_with_a_note():
    found = judged(sequence_id=None, sequence_sha256=None, facts=None)
    assert (found.outcome, codes(found)) == ("pass", ["no-sequence"])


@pytest.mark.parametrize(
    ("flags", "outcome", "code"),
    [
        ({"has_implant": True}, "confirm", "implant"),
        ({"has_implant": None}, "pass", "not-screened"),
        ({"pregnancy_status": "DEFINITELY_PREGNANT"}, "confirm", "pregnancy"),
        ({"pregnancy_status": "POSSIBLY_PREGNANT"}, "confirm", "pregnancy"),
        ({"pregnancy_status": "UNKNOWN"}, "pass", "pregnancy-unknown"),
        ({"pregnancy_status": "NOT_PREGNANT"}, "pass", None),
        ({"patient_position": None}, "pass", "position-not-told"),
    ],
)
def test_what_a_scan_has_to_mind_of_the_patient_is_a_reason(flags, outcome, code):
    found = judged(patient=AcquisitionLimits(**{**PATIENT.model_dump(), **flags}))
    assert (found.outcome, codes(found)) == (outcome, [code] if code else [])
    assert found.fingerprint != judged().fingerprint


@pytest.mark.parametrize(
    "patient", [None, PATIENT.model_copy(update={"patient_weight": 0})], ids=["none", "weightless"]
)
def test_without_the_patients_weight_nothing_starts(patient):
    for sequence_id in ("s", None):
        found = judged(patient=patient, sequence_id=sequence_id)
        assert codes(found, "refuse") == ["patient-limits"]
        assert found.estimates.sar_6min_w_per_kg is None


# --- SAR and stimulation --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("coefficient", "outcome", "mode", "code"),
    [
        (120.0, "pass", "normal", None),  # 2 W/kg at 60 kg and 1 uT
        (121.0, "confirm", "first_level", "sar-first-level"),
        (240.0, "confirm", "first_level", "sar-first-level"),
        (241.0, "refuse", "beyond_first_level", "sar-beyond-first-level"),
    ],
)
def test_whole_body_sar_over_six_minutes(coefficient, outcome, mode, code):
    found = judged(
        facts=facts(b1_rms_10s_ut=0.9), device_parameter={"sar_coefficient": coefficient}
    )
    assert (found.outcome, found.operating_mode) == (outcome, mode)
    assert codes(found) == ([code] if code else [])
    if code:
        assert "60 kg" in found.reasons[0].text
        assert found.reasons[0].limit in (2.0, 4.0)
        assert "60601-2-33" in found.reasons[0].standard


@pytest.mark.parametrize(
    ("b1_10s", "outcome"), [(1.99, "pass"), (2.01, "confirm"), (2.82, "confirm"), (2.84, "refuse")]
)
def test_sar_over_ten_seconds_may_be_twice_as_much(b1_10s, outcome):
    """60 W/uT^2 at 60 kg: the square of B1+rms is the SAR."""
    found = judged(
        facts=facts(b1_rms_10s_ut=b1_10s, b1_rms_6min_ut=0.1),
        device_parameter={"sar_coefficient": 60.0},
        system_limits=limits(max_b1_rms=None),
    )
    assert found.outcome == outcome


def test_a_short_scan_counts_as_repeated():
    short = facts(duration_s=1.0, b1_rms_ut=3.0, b1_rms_10s_ut=0.9, b1_rms_6min_ut=0.1)
    found = judged(facts=short, system_limits=limits(max_b1_rms=None))
    assert found.estimates.b1_rms_6min_ut == found.estimates.b1_rms_10s_ut == 3.0
    assert found.estimates.sar_6min_w_per_kg == pytest.approx(10 * 9 / 60)


@pytest.mark.parametrize("wrong", [0, -1.0, "much", True, float("nan"), [1]])
def test_a_coefficient_that_is_none_refuses(wrong):
    found = judged(device_parameter={"sar_coefficient": wrong})
    assert codes(found, "refuse") == ["sar-coefficient"]
    json.loads(found.model_dump_json())


@pytest.mark.parametrize(
    ("rheobase", "outcome"),
    [(13.5, "pass"), (13.4, "confirm"), (10.8, "confirm"), (10.7, "refuse")],
)
def test_stimulation_by_the_coil_of_the_device(rheobase, outcome):
    """0.3 m and 36 T/m/s: 1080 over the rheobase, in percent."""
    found = judged(system_limits=limits(pns_rheobase=rheobase))
    assert found.outcome == outcome
    assert found.estimates.pns_percent == pytest.approx(1080 / rheobase)
    assert "coil of the device" in found.estimates.pns_model


@pytest.mark.parametrize(
    ("percent", "outcome"), [(80, "pass"), (80.1, "confirm"), (100, "confirm"), (100.1, "refuse")]
)
def test_stimulation_by_a_generic_coil_when_the_device_tells_other_limits(percent, outcome):
    own = {"pns_rheobase": None, "pns_coil_lengths": None}
    found = judged(system_limits=limits(**own), facts=facts(pns_percent=percent))
    assert found.outcome == outcome
    assert "pns-generic-coil" in codes(found, "note")


def test_an_estimate_of_a_part_of_the_sequence_or_of_another_chronaxie_is_none():
    for found in (
        judged(facts=facts(pns_complete=False)),
        judged(system_limits=limits(pns_chronaxie=0.8e-3)),
        judged(
            facts=facts(pns_complete=False),
            system_limits=limits(pns_rheobase=None, pns_coil_lengths=None),
        ),
    ):
        assert codes(found, "confirm") == ["unknown-pns"]


def test_unequal_lengths_of_a_coil_count_as_largest_at_one_moment():
    found = judged(system_limits=limits(pns_coil_lengths=[0.3, 0.1, 0.1]))
    assert found.estimates.pns_percent == pytest.approx(
        100 * ((0.3 * 30) ** 2 + (0.1 * 20) ** 2 + (0.1 * 10) ** 2) ** 0.5 / 20
    )


# --- the field of view ----------------------------------------------------------------------------


@pytest.mark.parametrize("scaling", [(0.5, 1, 1), (2, 1, 1), (-0.5, 1, 1)])
def test_scaling_counts_as_whichever_makes_the_gradient_larger(scaling):
    found = judged(acquisition_parameter=placed(scaling))
    assert found.estimates.peak_gradient_mt_per_m.x == 20
    assert found.estimates.peak_gradient_mt_per_m.y == 8
    assert {reason.quantity for reason in found.reasons if reason.severity == "refuse"} == {
        "peak_gradient_mt_per_m.x",
        "peak_slew_t_per_m_per_s.x",
    }
    assert codes(found, "confirm") == ["pns-first-level"]


def test_a_scaling_by_zero_is_refused():
    found = judged(acquisition_parameter=placed((1, 0, 1)))
    assert codes(found, "refuse") == ["fov-scaling"]


def test_a_turn_about_one_axis_mixes_the_other_two():
    found = judged(acquisition_parameter=placed(rotation=(0, 0, 90)))
    peak = found.estimates.peak_gradient_mt_per_m
    assert (peak.x, peak.y, peak.z) == pytest.approx((8, 10, 6))
    assert codes(found) == ["max-gradient", "max-slew-rate"]
    full = judged(acquisition_parameter=placed(rotation=(360, -720, 0), offset=(5, 5, 5)))
    assert full.reasons == []


def test_turns_about_several_axes_may_bring_the_vector_to_any_axis():
    peak = judged(
        acquisition_parameter=placed(rotation=(10, 20, 0))
    ).estimates.peak_gradient_mt_per_m
    assert (peak.x, peak.y, peak.z, peak.vector) == (12, 12, 12, 12)


# --- who may start it all the same ----------------------------------------------------------------


def first_level():
    return judged(device_parameter=FIRST_LEVEL, facts=facts(b1_rms_10s_ut=1.0))


def confirmation(found) -> ConfirmSafety:
    return ConfirmSafety(fingerprint=found.fingerprint, reason="needed for the contrast")


def test_a_first_level_scan_without_confirmation_is_a_conflict_that_tells_why():
    found = first_level()
    with pytest.raises(ConflictError) as refused:
        raise_refusals(refusals(found, None, person()))
    assert refused.value.extensions["reasons"] == [found.reasons[0].text]


def test_a_confirmation_is_recorded_with_who_and_what():
    found = first_level()
    assert refusals(found, confirmation(found), person()) == []
    record = confirmed(found, confirmation(found), person(), now=utc_now())
    assert (record.confirmed_by, record.role, record.codes) == (
        "ada",
        "medical",
        ["sar-first-level"],
    )
    assert record.sequence_sha256 == SCAN.sequence_sha256
    assert record.patient == PATIENT
    assert confirmed(judged(), confirmation(judged()), person(), now=utc_now()) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"sequence_sha256": "0b" * 32},
        {"patient": PATIENT.model_copy(update={"patient_weight": 61})},
        {"system_limits": limits(max_duration=500)},
        {"acquisition_parameter": placed(offset=(1, 0, 0))},
        {"device_parameter": {"sar_coefficient": 181.0}},
        {"task_id": SCAN.device_id},
        {"device_id": SCAN.task_id},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_confirmation_holds_only_for_what_was_read(changed):
    read = confirmation(first_level())
    base = {"device_parameter": FIRST_LEVEL, "facts": facts(b1_rms_10s_ut=1.0)}
    now_planned = judged(**{**base, **changed})
    (first, *_rest) = refusals(now_planned, read, person())
    assert (first.error, "What was confirmed" in first.reason) == (ConflictError, True)


def test_nobody_confirms_what_is_beyond_first_level():
    found = judged(device_parameter={"sar_coefficient": 500.0})
    (refused, *_rest) = refusals(found, confirmation(found), person())
    assert refused.error is UnprocessableError


@pytest.mark.parametrize("role", list(UserRole))
def test_it_takes_a_person_of_the_clinic_to_confirm(role):
    found = first_level()
    given = refusals(found, confirmation(found), person(role))
    allowed = role is not UserRole.ENGINEER
    assert may_confirm(person(role)) is allowed
    assert [refusal.error for refusal in given] == (
        [] if allowed else [ForbiddenError, ConflictError]
    )


def test_a_service_is_no_named_person():
    service = Principal(kind=PrincipalKind.SERVICE, subject="workflow-manager")
    found = first_level()
    assert refusals(found, confirmation(found), service)[0].error is ForbiddenError
