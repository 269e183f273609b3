"""Studies are complete when mercure says so; what could never be complete is refused."""

import pytest

from workflow_manager.routing_rules.completion import is_complete, problem_with

VECTORS = [
    (1, "'SAG' or ('COR' and 'AX')", ["AX T2", "T1-COR", "SAG", "T2", "T1"], True, True),
    (3, "'SAG' or ('COR' and 'AX')", ["AXIAL T2 FS", "sag t1"], True, True),
    (3, "'COR' or ('SAG' and 'PD')", ["AXIAL T2 FS", "sag t1"], False, True),
    (5, "'t1'", ["T1-COR"], True, True),
    (7, "'A' and 'B'", ["AB"], True, True),
    (9, "'A' and 'B'", ["A", "B"], True, True),
    (11, "('A' or 'B') and 'C'", ["A"], False, True),
    (13, "'A'", [], False, True),
    (15, "'A' 'B'", ["A", "B"], False, False),  # mercure takes it, and waits forever
    (17, "'A' AND 'B'", ["A", "B"], True, False),
    (17, "'A' & 'B'", ["A", "B"], True, False),
    (19, " 'test_series_complete'", ["test_series_complete"], True, False),
    (19, "'test_series_complete' ", ["test_series_complete"], True, False),
    (21, "", ["A"], True, True),
    (23, "'A'", ["#@INVALID@#"], False, True),  # mercure finds the A of its own placeholder
]
"""Row, expression, received, complete, valid: as in mercure, where no comment says otherwise."""


@pytest.mark.parametrize(("row", "expression", "received", "complete", "valid"), VECTORS)
def test_an_expression_gives_what_mercure_gives(row, expression, received, complete, valid):
    assert is_complete(expression, received).complete is complete
    assert (problem_with(expression) is None) is valid


@pytest.mark.parametrize(
    ("expression", "received", "complete"),
    [
        ("'A' or 'B' and 'C'", ["A"], True),
        ("('A' or 'B') and 'C'", ["A"], False),
        ("'A' and 'B' or 'C'", ["C"], True),
        ("'A'|'B'&'C'", ["A"], True),
        ("'A' and 'X' | 'B'", ["A", "B"], True),
        ("(('A'))", ["xax"], True),
        ("'and'", ["hand"], True),
        ("'Straße'", ["STRASSE"], True),
    ],
)
def test_operators_bind_as_in_python(expression, received, complete):
    assert is_complete(expression, received).complete is complete


@pytest.mark.parametrize(
    "expression",
    [
        "'A' and",
        "and 'A'",
        "('A'",
        "'A')",
        "()",
        "A",
        "'A",
        '"A"',
        "not 'A'",
        "'A' or or 'B'",
        "'A' and 'B' 'C'",
        "True",
        "'A'; import os",
        "(" * 2000 + "'A'" + ")" * 2000,
        "'A' or " * 4000 + "'A'",
    ],
)
def test_what_cannot_be_read_is_never_complete_and_refused(expression):
    found = is_complete(expression, ["A", "B", "C"])
    assert not found.complete
    assert found.error
    assert problem_with(expression)


@pytest.mark.parametrize(
    ("expression", "word"),
    [
        ("''", "every description"),
        ("'A' and ' '", "every description"),
        ("'" + "x" * 65 + "'", "at most 64"),
        ("'A\\B'", "can contain"),
        ("'A\nB'", "can contain"),
        ("'#@INVALID@#'", "can contain"),
        ("'A' OR 'B'", "'or'"),
        ("'A' | 'B'", "'or'"),
        ("'A' 'B'", "can never hold"),
    ],
)
def test_what_could_never_hold_or_misleads_is_refused_with_the_reason(expression, word):
    assert word in (problem_with(expression) or "")
