"""Which rules fire, in which order, and what follows."""

import pytest

from scanhub_libraries.models import RoutingRule
from workflow_manager.routing_rules.rules import problems_of, select, targets_of

TAGS = {"Modality": "MR", "SeriesDescription": "T2"}


def rule(name, expression="True", **options):
    return RoutingRule(name=name, rule=expression, **{"target": name.upper(), **options})


def outcomes(selection):
    return {finding.name: finding.outcome.value for finding in selection.rules}


def test_every_rule_that_holds_fires_and_each_target_gets_the_series_once():
    found = select(
        [
            rule("a", "tags.Modality == 'MR'", target=["X", "Y"]),
            rule("b", "tags.Modality == 'CT'"),
            rule("c", "True", target="X", priority="urgent"),
        ],
        TAGS,
    )
    assert outcomes(found) == {"a": "fired", "b": "did_not_fire", "c": "fired"}
    assert targets_of(found) == ["X", "Y"]
    assert [(a.targets, a.rules, a.priority) for a in found.actions] == [
        (["X"], ["a", "c"], "urgent"),
        (["Y"], ["a"], "normal"),
    ]
    assert (found.discarded, found.reason) == (False, "Fired: a, c.")


def test_a_rule_that_discards_wins_over_those_that_fired_and_ends_it():
    found = select([rule("a"), rule("b", action="discard"), rule("c", "1/0")], TAGS)
    assert outcomes(found) == {"a": "fired", "b": "fired", "c": "not_evaluated"}
    assert (found.discarded, found.reason) == (True, "Rule 'b' discards.")
    assert targets_of(found) == []
    assert [action.action.value for action in found.actions] == ["discard"]


def test_a_discarding_rule_that_does_not_hold_changes_nothing():
    found = select([rule("a", "False", action="discard"), rule("b")], TAGS)
    assert not found.discarded
    assert targets_of(found) == ["B"]


def test_disabled_rules_are_passed_over_with_the_reason():
    found = select([rule("a", disabled=True), rule("b", disabled=True, fallback=True)], TAGS)
    assert outcomes(found) == {"a": "not_evaluated", "b": "not_evaluated"}
    assert {finding.reason for finding in found.rules} == {"It is disabled."}
    assert found.discarded


def test_of_the_fallbacks_only_the_last_is_looked_at():
    fallbacks = [rule("f1", fallback=True), rule("f2", fallback=True)]
    found = select([rule("a", "False"), *fallbacks], TAGS)
    assert outcomes(found) == {"a": "did_not_fire", "f1": "not_evaluated", "f2": "fired"}
    assert targets_of(found) == ["F2"]
    found = select([fallbacks[0], rule("f2", "False", fallback=True)], TAGS)
    assert outcomes(found) == {"f1": "not_evaluated", "f2": "did_not_fire"}
    assert found.discarded


def test_a_fallback_waits_until_nothing_else_has_fired_wherever_it_stands():
    found = select([rule("f", fallback=True), rule("a")], TAGS)
    assert outcomes(found) == {"f": "not_evaluated", "a": "fired"}
    assert targets_of(found) == ["A"]


def test_an_error_in_one_rule_does_not_stop_the_others():
    found = select([rule("a", "1/0"), rule("b", "tags.NoSuchTag"), rule("c")], TAGS)
    assert outcomes(found) == {"a": "error", "b": "did_not_fire", "c": "fired"}
    assert found.rules[0].reason == "Division by zero: 1 / 0"
    assert "NoSuchTag" in found.rules[1].reason
    assert targets_of(found) == ["C"]


def test_without_a_rule_that_fires_the_series_goes_nowhere():
    found = select([rule("a", "False")], TAGS)
    assert (found.discarded, found.actions) == (True, [])
    assert found.reason == "No rule fired: discarded by default."
    assert select([], TAGS).discarded


def test_a_forced_rule_fires_alone_though_it_is_disabled_and_does_not_hold():
    rules = [rule("a"), rule("b", "False", disabled=True), rule("c", action="discard")]
    found = select(rules, {**TAGS, "mercureForceRule": "b"})
    assert outcomes(found) == {"a": "not_evaluated", "b": "fired", "c": "not_evaluated"}
    assert targets_of(found) == ["B"]
    assert select(rules, {**TAGS, "mercureForceRule": "c"}).discarded


def test_an_unknown_forced_rule_discards():
    found = select([rule("a")], {**TAGS, "mercureForceRule": "gone"})
    assert found.discarded
    assert "'gone'" in found.reason
    assert outcomes(found) == {"a": "not_evaluated"}


def test_each_finding_tells_the_tags_that_were_looked_at():
    (finding,) = select([rule("a", "tags.Modality == 'MR' and tags.PatientID")], TAGS).rules
    assert [(tag.keyword, tag.known) for tag in finding.tags_accessed] == [
        ("Modality", True),
        ("PatientID", False),
    ]


def test_many_costly_rules_together_are_bounded():
    costly = "sum(map(abs, range(4999))) < 0"
    found = select([rule(f"r{number}", costly) for number in range(60)], TAGS)
    told = list(outcomes(found).values())
    assert told[0] == "did_not_fire"
    assert told[-1] == "error"


def test_actions_of_other_kinds_are_told_with_what_they_need():
    found = select(
        [
            rule("study", action_trigger="study"),
            rule("both", action="both", processing_module="segment"),
            rule("process", action="process", processing_module=["a", "b"]),
            rule("notify", action="notification"),
        ],
        TAGS,
    )
    assert targets_of(found) == []
    assert [
        (a.action.value, a.trigger, a.targets, a.processing_modules) for a in found.actions
    ] == [
        ("route", "study", ["STUDY"], []),
        ("both", "series", ["BOTH"], ["segment"]),
        ("process", "series", [], ["a", "b"]),
        ("notification", "series", [], []),
    ]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"rule": "tags.Modality =="}, "rule"),
        ({"rule": "True or open('x')"}, "rule"),
        ({"rule": "True or [x for x in 'a']"}, "rule"),
        ({"rule": "tags.A @ 1"}, "rule"),
        ({"target": []}, "target"),
        ({"study_trigger_series": "'A' 'B'"}, "study_trigger_series"),
        ({"action": "process"}, "processing_module"),
        ({"action": "both"}, "processing_module"),
        ({"action": "both", "processing_module": "m", "target": []}, "target"),
    ],
)
def test_what_could_not_be_done_is_no_rule_to_store(options, field):
    found = RoutingRule(**{"name": "a", "rule": "True", "target": "X", **options})
    assert field in dict(problems_of(found))


@pytest.mark.parametrize(
    "expression", ["tags.X", "@X@ == 'a'", "has('X') or number(tags.Y) < 2", "'a@b' == tags.Z"]
)
def test_a_rule_is_stored_whatever_tags_it_asks_for(expression):
    assert not list(problems_of(rule("a", expression)))
    assert not list(problems_of(rule("a", expression, action="discard", target=[])))
