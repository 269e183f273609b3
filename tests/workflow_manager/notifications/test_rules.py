"""Whom a rule tells of what, over all its switches; what a message says and where it goes."""

import hashlib
import hmac
from itertools import product

import pytest

from scanhub_libraries.errors import UnprocessableError
from scanhub_libraries.models.routing_rule import RuleAction, RuleOptions
from workflow_manager.notifications.rules import (
    Channel,
    NotificationEvent,
    check_address,
    check_goal,
    check_url,
    is_wanted,
    patient_variables,
    recipients,
    signature,
    with_macros,
)
from workflow_manager.notifications.template_process import answer

RECEIVED, COMPLETED, ERROR = NotificationEvent


def told(rule, *, requested, failed):
    """Return what is told in the life of one case."""
    life = [RECEIVED, ERROR if failed else COMPLETED]
    return [event for event in life if is_wanted(rule, event, requested=requested)]


@pytest.mark.parametrize(
    ("action", "switches", "requested", "failed"),
    list(product(RuleAction, product(*[[True, False]] * 3), [True, False], [True, False])),
)
def test_switches_decide_whatever_the_action(action, switches, requested, failed):
    reception, completion, on_request = switches
    rule = RuleOptions(
        action=action,
        notification_trigger_reception=reception,
        notification_trigger_completion=completion,
        notification_trigger_completion_on_request=on_request,
    )
    expected = [RECEIVED] if reception else []
    if failed:
        expected.append(ERROR)
    elif completion or (on_request and requested):
        expected.append(COMPLETED)
    assert told(rule, requested=requested, failed=failed) == expected


def test_errors_are_told_unless_that_is_switched_off():
    rule = RuleOptions(notification_trigger_error=False)
    assert told(rule, requested=False, failed=True) == [RECEIVED]
    assert is_wanted(rule, ERROR, always=True)


def test_each_address_gets_a_mail_of_its_own_and_only_one():
    rule = RuleOptions(
        notification_webhook=" https://a.example/x ", notification_email="a@b.c, d@e.f,a@b.c,"
    )
    assert recipients(rule) == [
        (Channel.WEBHOOK, "https://a.example/x"),
        (Channel.EMAIL, "a@b.c"),
        (Channel.EMAIL, "d@e.f"),
    ]
    assert recipients(RuleOptions()) == []


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example/x",
        "ftp://a.example",
        "https://",
        "a.example",
        "https://u:p@a.example",
        "https://a.example:99999",
        "https://a.example/" + "x" * 3000,
        "https://[::1",
    ],
)
def test_a_url_that_may_not_be_called_is_refused(url):
    with pytest.raises(UnprocessableError):
        check_url(url, http=False)


def test_plain_http_is_a_setting():
    assert check_url("http://a.example:8080/x", http=True) == "a.example"


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.9.9.9", "::1", "::", "169.254.169.254", "fe80::1%eth0",
     "::ffff:127.0.0.1"],
)  # fmt: skip
def test_a_webhook_does_not_lead_into_this_machine(address):
    with pytest.raises(UnprocessableError, match="WEBHOOK_LOCAL"):
        check_goal("a.example", [address], local=False)
    assert check_goal("a.example", [address], local=True) == address


def test_the_first_address_that_may_be_called_is_called():
    assert check_goal("a.example", ["127.0.0.1", "10.0.0.1"], local=False) == "10.0.0.1"
    with pytest.raises(UnprocessableError):
        check_goal("a.example", [], local=True)


@pytest.mark.parametrize("address", ["", "a", "a@", "@b", "a@b c", "a@b\nBcc: x@y", "<a@b>"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(UnprocessableError):
        check_address(address)


TAGS = {"AccessionNumber": "A1", "PatientID": "P1", "PatientName": ""}


def test_nothing_of_the_patient_is_told_unless_the_installation_allows_it():
    hidden = dict.fromkeys(("acc", "mrn", "patient_name"), "UNKNOWN")
    assert patient_variables(TAGS, Channel.WEBHOOK, allowed=False) == hidden
    assert patient_variables(None, Channel.WEBHOOK, allowed=True) == hidden
    empty = dict.fromkeys(hidden, "")
    assert patient_variables(TAGS, Channel.EMAIL, allowed=False) == empty
    assert patient_variables(TAGS, Channel.WEBHOOK, allowed=True) == {
        "acc": "A1",
        "mrn": "P1",
        "patient_name": "UNKNOWN",
    }


def test_a_signature_is_an_hmac_over_time_and_body():
    signed = hmac.new(b"secret", b"7.{}", hashlib.sha256).hexdigest()
    assert signature("secret", 7, b"{}") == f"t=7,v1={signed}"


def rendered(body="", payload="", kind="plain", **variables):
    return answer({"body": body, "payload": payload, "body_kind": kind, "variables": variables})


def test_quotes_and_brackets_of_modules_stay_intact_in_json():
    """mercure's vector: details 'm: found <3 "x"'."""
    payload = with_macros('"text": "{{ body }}", "e":"@event@"', {"event": "COMPLETED"})
    texts = rendered("{{ details }}", payload, details='m: found <3 "x"\n')
    assert texts["payload"] == '"text": "m: found <3 \\"x\\"\\n", "e":"COMPLETED"'
    assert rendered("", "{{ details|tojson }}", details='"')["payload"] == '"\\""'


def test_values_are_escaped_in_html_and_not_in_plain_text():
    assert rendered("<b>{{ x }}</b>", kind="html", x="<i>")["body"] == "<b>&lt;i&gt;</b>"
    assert rendered("{{ x }}", x="<i>")["body"] == "<i>"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{{ x", "body, line 1"),
        ("{{ ''.__class__.__mro__ }}", "SecurityError"),
        ("{{ x.__init__.__globals__ }}", "SecurityError"),
        ("{% include '/etc/passwd' %}", "TypeError"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{% for i in range(99999) %}xxxxxxxxxx{% endfor %}", "more than"),
        ("{% for i in range(999999999) %}{% endfor %}", "OverflowError"),
    ],
)
def test_a_template_that_cannot_be_rendered_says_why(body, words):
    assert words in rendered(body, x="a")["error"]
