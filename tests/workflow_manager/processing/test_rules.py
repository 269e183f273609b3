"""Settings, results and destinations: what mercure's own tests ask of dynamic routing, and more."""

import pytest

from scanhub_libraries.models import RuleOptions
from workflow_manager.processing.rules import (
    destination,
    details_of,
    failure,
    settings_of,
)

KNOWN = {"PACS", "OTHER", "THIRD"}
ROUTING, NOTIFICATION = "__mercure_routing", "__mercure_notification"


def where(wish, **options):
    options = {"action": "both", "target": "PACS", "dynamic_routing": True} | options
    return list(destination(RuleOptions(**options), {ROUTING: wish}, KNOWN).targets)


@pytest.mark.parametrize(
    ("wish", "options", "targets"),
    [
        ({"target": "OTHER"}, {}, ["OTHER"]),
        ({"target": ["OTHER", "THIRD", "OTHER"]}, {}, ["OTHER", "THIRD"]),
        ({"discard": True}, {}, []),
        ({"discard": True, "target": "OTHER"}, {}, []),
        ({"target": "OTHER"}, {"dynamic_routing": False}, ["PACS"]),
        ({"discard": True}, {"dynamic_routing": False}, ["PACS"]),
        ({"target": "OTHER"}, {"dynamic_routing_allowed_targets": "OTHER"}, ["OTHER"]),
        ({"target": "THIRD"}, {"dynamic_routing_allowed_targets": "OTHER"}, ["PACS"]),
        ({"target": ["OTHER", "THIRD"]}, {"dynamic_routing_allowed_targets": "OTHER"}, ["PACS"]),
        ({"target": "NOWHERE"}, {}, ["PACS"]),
        ({"target": ["OTHER", "NOWHERE"]}, {}, ["PACS"]),
        ({"target": {"a": 1}}, {}, ["PACS"]),
        ({}, {}, ["PACS"]),
        ("OTHER", {}, ["PACS"]),
        ({"target": "OTHER"}, {"action": "process", "target": []}, ["OTHER"]),
        ({}, {"action": "process", "target": []}, []),
        ({"use_alternate_target": True}, {"conditional_alternate_target": "OTHER"}, ["OTHER"]),
        ({"use_alternate_target": False}, {"conditional_alternate_target": "OTHER"}, ["PACS"]),
        ({"use_alternate_target": True}, {}, ["PACS"]),
        ({"use_alternate_target": True}, {"conditional_alternate_target": "NOWHERE"}, ["PACS"]),
        (
            {"use_alternate_target": True, "target": "THIRD"},
            {"conditional_alternate_target": "OTHER"},
            ["THIRD"],
        ),
        (
            {"use_alternate_target": True},
            {"action": "process", "target": [], "conditional_alternate_target": "OTHER"},
            ["OTHER"],
        ),
    ],
)
def test_a_module_chooses_targets_where_the_rule_lets_it(wish, options, targets):
    assert where(wish, **options) == targets


@pytest.mark.parametrize("output", [None, [], "text", 3, {"dice": 0.9}])
def test_a_result_without_wishes_changes_nothing(output):
    rule = RuleOptions(action="both", target="PACS", dynamic_routing=True)
    assert destination(rule, output, KNOWN).targets == ("PACS",)
    assert details_of([("m", output)]) == ("", False)


def test_settings_of_the_rule_overlay_those_of_the_module_for_all_steps_or_for_each():
    assert settings_of({"a": 1, "b": 1}, {"b": 2}, 1) == {"a": 1, "b": 2}
    each = [{"b": 2}, {"b": 3}]
    assert [settings_of({"a": 1}, each, n).get("b") for n in (1, 2, 3)] == [2, 3, None]


def test_what_modules_have_to_say_is_told_a_line_each():
    said = [
        ("one", {NOTIFICATION: {"text": "all is well"}}),
        ("two", {NOTIFICATION: {"text": 3, "requested": "yes"}}),
        ("three", {NOTIFICATION: {"text": "look at it", "requested": True}}),
    ]
    assert details_of(said) == ("one: all is well\nthree: look at it", True)
    assert details_of(said[:2]) == ("one: all is well", False)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, ""),
        ({"exit_code": 3}, "exit code 3"),
        ({"exit_code": 137}, "memory"),
        ({"exit_code": -9}, "memory"),
        ({"exit_code": 137, "timed_out": True}, "longer than 60 s"),
        ({"exit_code": -1, "problem": "There is no image."}, "There is no image."),
        ({"exit_code": 1, "last_line": "KeyError: 'x'"}, "KeyError: 'x'"),
    ],
)
def test_a_failure_says_why(changes, word):
    ended = {"exit_code": 0, "timed_out": False, "timeout_s": 60, "problem": "", "last_line": ""}
    said = failure(**ended | changes)
    assert word in said
    assert bool(said) is bool(word)
