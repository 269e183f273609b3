"""No expression takes long or makes large values, whatever it says."""

import ast
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow_manager.routing_rules.evaluation import evaluate
from workflow_manager.routing_rules.limits import MOST_STEPS, Budget

TAGS = {"Modality": "MR", "SeriesDescription": "T2" * 500}
BIG = "'a'*16384"
COSTLY = [
    "'a'*10**9",
    "10**10**10",
    "10**9*'a'",
    "[0]*10**9",
    "2**100000",
    "(-2)**99999",
    "1<<10**9",
    "9**9**9**9",
    "factorial(10**6)",
    "pow(3, 10**10)",
    "pow(3**2500, 3**2500, 3**2500+2)",
    "round(5, -10**9)",
    "range(10**9)",
    "range(10**30)",
    "sum(range(10**8))",
    "sum(map(sum, [range(16000)]*16000))",
    "sum([[1]*10000]*1000, [])",
    "list(map(factorial, [500]*16000))",
    "'a'.ljust(10**9)",
    "'a'.center(10**9) or 1",
    "'1'.zfill(10**9)",
    "'\\t'.expandtabs(10**9)",
    f"({BIG}).replace('a', {BIG})",
    f"({BIG}).join([{BIG}]*16384)",
    f"({BIG}).translate({{97: {BIG}}})",
    "'%1000000000d' % 1",
    "'%*d' % (10**9, 1)",
    "'%.999999999f' % 1",
    "'%9000d'*5000 % 1",
    "format(1, '1000000000d')",
    f"repr([[{BIG}]*16384]*16384)",
    "str([[[[[0]*9999]*9999]*9999]*9999]*9999)",
    "[[[[0]*9999]*9999]*9999]*9999 == [[[[0]*9999]*9999]*9999]*9999",
    " + ".join([f"({BIG}).rfind('b' + 'a'*8000)"] * 9),
    "set(range(0, 16000*(2**61-1), 2**61-1))",
    "{1}.union(range(0, 16000*(2**61-1), 2**61-1))",
    "{((0,)*16000,)*16000}",
    "{((0,)*16000,)*16000: 1}",
    "{1: 2}[((0,)*16000,)*16000]",
    "{1: 2}.get(((0,)*16000,)*16000)",
    "((0,)*16000,)*16000 in {1}",
    "sorted([[0]*16000]*16000)",
    "list(zip(*[[0]*16000]*2))",
    "max(['a'*16384]*16384)",
    "int('1'*16384, 2)",
    "int('9'*16384)",
    "(" * 3000 + "1" + ")" * 3000,
    "(" * 150 + "1" + ")" * 150 + "+ (1,)",
    "-" * 4000 + "1",
    "not " * 1000 + "1",
    "1" + "+1" * 2000,
    "[" * 90 + "]" * 90 + " + 1",
    "a" + ".b" * 1000,
    "9" * 5000,
    "1 or " * 2000 + "1",
    "tags.Modality" * 1000,
]


@pytest.mark.parametrize("expression", COSTLY, ids=range(len(COSTLY)))
def test_what_costs_too_much_is_refused_and_costs_little(expression):
    budget = Budget()
    tracemalloc.start()
    try:
        verdict = evaluate(expression, TAGS, budget)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert verdict.error
    assert not verdict.triggered
    assert len(verdict.error) < 400
    assert peak < 32 * 2**20


def test_steps_are_used_up_in_the_same_place_each_time():
    expression = "sum(map(abs, range(5000)))"
    first, second = Budget(), Budget()
    assert evaluate(expression, TAGS, first).triggered
    assert evaluate(expression, TAGS, second).triggered
    assert first.left == second.left < MOST_STEPS - 10_000
    assert evaluate(expression, TAGS, Budget(1000)).error == (
        "The expression takes too long: it was ended."
    )


_PIECES = st.sampled_from(
    [
        "tags.Modality",
        "tags['Modality']",
        "@Modality@",
        "'a'",
        "1",
        "0",
        "2.5",
        "None",
        "[1, 'a']",
        "(1,)",
        "{1: 2}",
        "{1}",
        "len",
        "str",
        "int",
        "map(str, [1])",
        "range(9)",
        "tags",
        "'%d'",
        "str.lower",
        "'a'*999",
        "[0]*999",
        "10**99",
        "values('a')",
    ]
)
_JOINTS = st.sampled_from(
    [
        "{0} + {1}",
        "{0} * {1}",
        "{0} % {1}",
        "{0} in {1}",
        "{0} == {1}",
        "{0} < {1}",
        "{0}[{1}]",
        "{0}({1})",
        "{0} or {1}",
        "not {0}",
        "sorted({0})",
        "sum({0}, {1})",
        "map({0}, {1})",
        "{0} ** {1}",
        "{0} << {1}",
        "str({0})",
        "set({0})",
        "{0}.join({1})",
        "{0}.replace({1}, {0})",
        "{0}.upper()",
        "list({0})",
        "repr({0})",
        "number({0})",
        "({0}, {1})",
        "max({0}, key={1})",
        "{0}[{1}:]",
        "dict({0})",
        "{0} & {1}",
        "contains({0}, {1})",
        "date({0})",
        "~{0}",
        "-{0}",
    ]
)
_EXPRESSIONS = st.recursive(
    _PIECES,
    lambda inner: st.builds(
        lambda joint, a, b: "(" + joint.format(f"({a})", f"({b})") + ")", _JOINTS, inner, inner
    ),
    max_leaves=12,
)


@given(_EXPRESSIONS)
def test_any_expression_has_a_verdict(expression):
    ast.parse(expression.replace("@Modality@", "x"), mode="eval")
    verdict = evaluate(expression, TAGS)
    assert verdict.triggered in {True, False}


@given(st.text(max_size=80))
def test_any_text_has_a_verdict(text):
    assert evaluate(text, TAGS).triggered in {True, False}
