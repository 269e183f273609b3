from math import isfinite

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exam_manager.sequences.diff import differences

leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=3)
)
documents = st.dictionaries(
    st.text("abc", min_size=1, max_size=3),
    leaves | st.dictionaries(st.text("abc", min_size=1, max_size=3), leaves, max_size=3),
    max_size=5,
)


def row(left, right):
    (found,) = differences({"x": left}, {"x": right})
    return found


@pytest.mark.parametrize(
    ("left", "right", "differs", "relative"),
    [
        (1.0, 2.0, True, 0.5),
        (2, 1.0, True, 0.5),
        (-1.0, 1.0, True, 2.0),
        (0.0, 0, False, 0.0),
        (0.1 + 0.2, 0.3, False, 0.0),
        (1e308, -1e308, True, 2.0),
        (True, False, True, None),
        (True, 1.5, True, None),
        ("a", "a", False, None),
        ([1.0, 2.0], [1.0, 1.0], True, 0.5),
        ([1.0], [1.0, 2.0], True, None),
        ([], [], False, None),
        (["a", 1.0], ["a", 1.0], False, None),
        (None, 1.0, True, None),
        ({}, {}, False, None),
    ],
)
def test_two_values_are_compared_by_what_they_are(left, right, differs, relative):
    found = row(left, right)
    assert (found.differs, found.relative_difference) == (differs, relative)


def test_what_lies_inside_is_named_with_dots():
    left = {"gradient": {"x": {"peak": 10.0}, "y": {"peak": 5.0}}}
    right = {"gradient": {"x": {"peak": 20.0}}, "new": None}
    found = [(one.field, one.left, one.right, one.differs) for one in differences(left, right)]
    assert found == [
        ("gradient.x.peak", 10.0, 20.0, True),
        ("gradient.y.peak", 5.0, None, True),
        ("new", None, None, True),
    ]


@settings(deadline=None)
@given(documents, documents)
def test_a_comparison_reads_the_same_from_both_sides(left, right):
    there = {one.field: one for one in differences(left, right)}
    back = {one.field: one for one in differences(right, left)}
    assert there.keys() == back.keys()
    for field, one in there.items():
        assert one.differs == back[field].differs
        relative = one.relative_difference
        assert relative == back[field].relative_difference
        assert relative is None or (isfinite(relative) and 0 <= relative <= 2)


@settings(deadline=None)
@given(documents)
def test_a_document_does_not_differ_from_itself(document):
    assert not any(one.differs for one in differences(document, document))
