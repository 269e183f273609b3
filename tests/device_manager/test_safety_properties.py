"""What holds of the safety gate whatever the numbers: it is monotone, and never silent."""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from planned_scans import LIMITS, PATIENT, codes, facts, judged, placed

from scanhub_libraries.models import PeakPerAxis, SystemLimits

positive = st.floats(0.01, 1e3)
angle = st.floats(-720, 720)
strength = positive | positive.map(lambda size: -size)
turn = st.just(0.0) | angle | st.floats(-1e-3, 1e-3)
scaling = st.floats(0.1, 10)
_ORDER = {"pass": 0, "confirm": 1, "refuse": 2}
_UPPER = ("max_rf_duration", "max_rf_amplitude", "max_b1_rms", "max_duration", "pns_rheobase")
_LOWER = ("adc_deadtime", "rf_dead_time", "rf_ringdown_time")


@st.composite
def peaks(draw) -> PeakPerAxis:
    x, y, z = draw(positive), draw(positive), draw(positive)
    low, high = max(x, y, z), (x * x + y * y + z * z) ** 0.5
    return PeakPerAxis(x=x, y=y, z=z, vector=low + draw(st.floats(0, 1)) * (high - low))


@st.composite
def sequences(draw):
    return facts(
        duration_s=draw(st.floats(1, 1000)),
        peak_gradient_mt_per_m=draw(peaks()),
        peak_slew_t_per_m_per_s=draw(peaks()),
        peak_filtered_slew_t_per_m_per_s=draw(peaks()),
        b1_rms_ut=draw(positive),
        b1_rms_10s_ut=draw(positive),
        b1_rms_6min_ut=draw(positive),
        peak_b1_ut=draw(positive),
        longest_rf_pulse_s=draw(st.floats(1e-5, 1e-1)),
        shortest_rf_lead_s=draw(st.floats(0, 1e-3)),
        shortest_adc_lead_s=draw(st.floats(0, 1e-3)),
    )


@st.composite
def system_limits(draw) -> SystemLimits:
    values = LIMITS.model_dump()
    for name in _UPPER:
        values[name] = draw(positive)
    for name in _LOWER:
        values[name] = draw(st.floats(0, 1e-3))
    values["max_gradients"] = [draw(positive) for _ in range(3)]
    values["max_slew_rates"] = [draw(positive) for _ in range(3)]
    return SystemLimits.model_validate(values)


parameters = st.builds(
    placed,
    scaling=st.tuples(scaling, scaling, scaling),
    rotation=st.tuples(angle, angle, angle) | st.just((0, 0, 0)),
)


@settings(max_examples=60, deadline=None)
@given(
    sequences(), system_limits(), parameters, st.sampled_from((*_UPPER, *_LOWER)), st.floats(1, 9)
)
def test_a_wider_limit_never_adds_a_refusal(sequence, told, parameter, name, factor):
    scan = {"facts": sequence, "acquisition_parameter": parameter}
    value = getattr(told, name)
    wider = value * factor if name in _UPPER else value / factor
    loose = told.model_copy(update={name: wider})
    strict = judged(system_limits=told, **scan)
    lax = judged(system_limits=loose, **scan)
    assert set(codes(lax, "refuse")) <= set(codes(strict, "refuse"))
    assert _ORDER[lax.outcome] <= _ORDER[strict.outcome]


@settings(max_examples=60, deadline=None)
@given(sequences(), st.floats(0.1, 500), st.integers(1, 300), st.integers(0, 200))
def test_more_weight_never_raises_the_sar(sequence, coefficient, weight, more):
    scan = {"facts": sequence, "device_parameter": {"sar_coefficient": coefficient}}
    light = judged(patient=PATIENT.model_copy(update={"patient_weight": weight}), **scan)
    heavy = judged(patient=PATIENT.model_copy(update={"patient_weight": weight + more}), **scan)
    assert heavy.estimates.sar_6min_w_per_kg <= light.estimates.sar_6min_w_per_kg
    assert _ORDER[heavy.outcome] <= _ORDER[light.outcome]


@settings(max_examples=60, deadline=None)
@given(sequences(), st.floats(0.1, 500), st.floats(1, 5))
def test_more_power_never_lowers_the_sar(sequence, coefficient, factor):
    stronger = sequence.model_copy(
        update={
            name: factor * getattr(sequence, name)
            for name in ("b1_rms_ut", "b1_rms_10s_ut", "b1_rms_6min_ut")
        }
    )
    parameter = {"device_parameter": {"sar_coefficient": coefficient}}
    before, after = judged(facts=sequence, **parameter), judged(facts=stronger, **parameter)
    assert after.estimates.sar_6min_w_per_kg >= before.estimates.sar_6min_w_per_kg
    assert _ORDER[after.outcome] >= _ORDER[before.outcome]


@settings(max_examples=100, deadline=None)
@given(sequences(), parameters)
def test_placing_the_field_of_view_never_lowers_the_bound_of_the_vector(sequence, parameter):
    plain = judged(facts=sequence).estimates.peak_gradient_mt_per_m
    peak = judged(facts=sequence, acquisition_parameter=parameter).estimates.peak_gradient_mt_per_m
    assert peak.vector >= plain.vector * (1 - 1e-9)
    for axis in (peak.x, peak.y, peak.z):
        assert axis <= peak.vector * (1 + 1e-9)


def turning(axis, degrees):
    """Return the matrix that turns about an axis of the scanner."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    first, second = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = c
    matrix[first, second], matrix[second, first] = -s, s
    return matrix


@settings(max_examples=200, deadline=None)
@given(
    st.tuples(strength, strength, strength),
    st.tuples(turn, turn, turn),
    st.permutations([0, 1, 2]),
)
@example((1.0, 2.0, 0.01171875), (3.9650277726695897e-10, 0, 0), [0, 1, 2])
def test_the_bound_of_turns_holds_for_a_gradient_that_is_turned(gradient, rotation, order):
    """A single moment, turned by matrices in any order, against the bound made of the peaks."""
    turned = np.array(gradient)
    for axis in order:
        turned = turning(axis, rotation[axis]) @ turned
    x, y, z = (abs(size) for size in gradient)
    peak = PeakPerAxis(x=x, y=y, z=z, vector=float(np.linalg.norm(gradient)))
    bound = judged(
        facts=facts(peak_gradient_mt_per_m=peak), acquisition_parameter=placed(rotation=rotation)
    ).estimates.peak_gradient_mt_per_m
    assert (np.abs(turned) <= np.array([bound.x, bound.y, bound.z]) * (1 + 1e-9)).all()


@settings(max_examples=60, deadline=None)
@given(st.sets(st.sampled_from(sorted(type(facts()).model_fields)[4:])), st.booleans())
def test_whatever_the_facts_lack_is_named_and_never_passes_in_silence(lacking, with_limits):
    optional = {name for name in lacking if type(facts()).model_fields[name].default is None}
    holes = facts(**dict.fromkeys(optional))
    found = judged(facts=holes, system_limits=LIMITS if with_limits else None)
    matter = {"peak_gradient_mt_per_m", "peak_b1_ut", "longest_rf_pulse_s", "shortest_rf_lead_s"}
    if with_limits and optional & matter:
        assert found.outcome == "confirm"
    assert found.outcome != "refuse"
    if not with_limits:
        assert "no-system-limits" in codes(found)


anything = st.floats(min_value=5e-324, allow_nan=False, allow_infinity=False)
per_axis = st.lists(anything, min_size=3, max_size=3)
odd_number = st.one_of(
    st.none(), st.floats(), st.integers(), st.just(10**400), st.text(), st.booleans()
)


@settings(max_examples=300, deadline=None)
@given(
    sequences(),
    st.fixed_dictionaries(
        {},
        optional={
            name: per_axis
            if "List" in str(field.annotation) or "list" in str(field.annotation)
            else anything
            for name, field in SystemLimits.model_fields.items()
        },
    ),
    odd_number,
    st.tuples(*[st.floats(allow_nan=False, allow_infinity=False)] * 3),
    st.tuples(*[st.floats(allow_nan=False, allow_infinity=False)] * 3),
)
def test_no_number_breaks_the_gate(sequence, told, coefficient, scale, rotation):
    """Devices and clients may tell anything that JSON can: there is always a verdict."""
    found = judged(
        facts=sequence,
        system_limits=SystemLimits.model_validate(told),
        device_parameter={"sar_coefficient": coefficient},
        acquisition_parameter=placed(scale, rotation),
    )
    assert found == type(found).model_validate_json(found.model_dump_json())
