"""Messages about cases arrive, once, or say why not."""

import hashlib
import hmac
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from structlog.testing import capture_logs
from workflow_service import WORKFLOW, a_port, until

sys.path.insert(0, str(Path(__file__).parent))
from cases_of_tests import a_case
from sinks import mail_sink, web_sink

from scanhub_libraries.database import transaction
from scanhub_libraries.events import EventType
from scanhub_libraries.models import UserRole
from workflow_manager.cases.models import Case
from workflow_manager.cases.rules import CaseKind
from workflow_manager.journal.models import JournalOffset
from workflow_manager.journal.service import append, own_event

SECRET = "a-secret-of-both-sides"
LOCAL = {"webhook_http": True, "webhook_local": True, "notification_backoff_s": (0.1, 0.1)}


def options_for(url="", email="", **changes):
    return {
        "rule": "True",
        "target": ["X"],
        "notification_webhook": url,
        "notification_email": email,
        "notification_payload": '"rule": "@rule@", "event": "{{ event }}", "mrn": "{{ mrn }}", '
        '"name": "{{ patient_name }}", "serial": "{{ DeviceSerialNumber }}"',
        **changes,
    }


async def tell(service, case, event_type, **data):
    event = own_event(event_type, case.id, {"case_id": str(case.id), "reason": "r", **data})
    async with transaction(service.wiring.sessions) as session:
        await append(session, [event])
    return event


async def told(service, case, *statuses, count=1):
    async def reached():
        rows = await service.get(f"/notifications?case_id={case.id}")
        done = [row for row in rows if row["status"] in statuses]
        return rows if len(done) >= count else None

    return await until(reached)


async def test_a_case_is_told_of_by_webhook_signed_and_without_the_patient(serving):
    async with web_sink() as (sink, url), serving(**LOCAL, webhook_secret=SECRET) as service:
        case = await a_case(service.wiring.sessions, options_for(f"{url}/secret-path"))
        await tell(service, case, EventType.CASE_COMPLETE)
        await tell(service, case, EventType.CASE_DONE)
        rows = await told(service, case, "sent", count=2)
        assert {row["event"] for row in rows} == {"RECEIVED", "COMPLETED"}
        assert {row["recipient"] for row in rows} == {"http://127.0.0.1"}
        journal = await service.get("/journal?limit=1000")
        types = [entry["type"] for entry in journal if "notification" in entry["type"]]
        assert sorted(types) == ["notification.queued"] * 2 + ["notification.sent"] * 2
        assert "secret-path" not in str(journal)
    first = next(d for d in sink.documents if d["event"] == "COMPLETED")
    assert first == {
        "rule": "head",
        "event": "COMPLETED",
        "mrn": "UNKNOWN",
        "name": "UNKNOWN",
        "serial": "S1",
    }
    headers, body = sink.got[0]
    time, _, signed = headers["x-scanhub-signature"].partition(",v1=")
    content = time.removeprefix("t=").encode() + b"." + body
    assert signed == hmac.new(SECRET.encode(), content, hashlib.sha256).hexdigest()


async def test_patients_are_named_only_where_that_is_allowed_and_never_before_routing(serving):
    async with web_sink() as (sink, url), serving(**LOCAL, phi_notifications=True) as service:
        series = await a_case(service.wiring.sessions, options_for(url))
        study = await a_case(service.wiring.sessions, options_for(url), kind=CaseKind.STUDY)
        await tell(service, series, EventType.CASE_COMPLETE)
        await told(service, series, "sent")
        await tell(service, series, EventType.CASE_DONE)
        await told(service, series, "sent", count=2)
        await tell(service, study, EventType.CASE_COMPLETE)
        await told(service, study, "sent")
    assert [document["name"] for document in sink.documents] == ["UNKNOWN", "ADA", "ADA"]


async def test_what_is_switched_off_and_what_is_no_rules_case_is_not_told(serving):
    async with web_sink() as (sink, url), serving(**LOCAL) as service:
        quiet = await a_case(
            service.wiring.sessions, options_for(url, notification_trigger_completion=False)
        )
        nobodys = await a_case(service.wiring.sessions, {}, rule="")
        await tell(service, quiet, EventType.CASE_DONE)
        await tell(service, nobodys, EventType.CASE_DONE)
        await tell(service, quiet, EventType.CASE_FAILED)
        await told(service, quiet, "sent")
        assert await service.get(f"/notifications?case_id={nobodys.id}") == []
    assert [document["event"] for document in sink.documents] == ["ERROR"]


@pytest.mark.long
async def test_a_webhook_that_fails_is_tried_again_and_then_has_failed_with_a_button(serving):
    async with web_sink() as (sink, url), serving(**LOCAL) as service:
        sink.answers = [500, 503, 302]
        case = await a_case(service.wiring.sessions, options_for(url))
        await tell(service, case, EventType.CASE_DONE)
        (row,) = await told(service, case, "failed")
        assert row["attempt"] == 3
        assert row["error"] == "127.0.0.1 answered HTTP 302; 200 would mean that it was taken."
        retry = f"{WORKFLOW}/notifications/{row['id']}/retry"
        assert (await service.user.post(retry)).status_code == 200
        (row,) = await told(service, case, "sent")
        assert row["error"] is None
        assert (await service.user.post(retry)).status_code == 409
        gone = await service.user.post(f"{WORKFLOW}/notifications/{uuid4()}/retry")
        assert gone.status_code == 404
    assert len({headers["x-scanhub-delivery"] for headers, _ in sink.got}) == 1
    assert len(sink.got) == 4


@pytest.mark.parametrize(
    ("changes", "url", "words"),
    [
        ({"webhook_local": False}, "http://127.0.0.1:9/x", "WEBHOOK_LOCAL"),
        ({"webhook_http": False}, "http://127.0.0.1:9/x", "needs https"),
        ({}, "nonsense", "no URL"),
    ],
)
async def test_where_a_webhook_may_not_go_it_fails_at_once(serving, changes, url, words):
    async with serving(**{**LOCAL, **changes}) as service:
        case = await a_case(service.wiring.sessions, options_for(url))
        await tell(service, case, EventType.CASE_DONE)
        (row,) = await told(service, case, "failed")
        assert (row["attempt"], words in row["error"]) == (1, True)


@pytest.mark.long
async def test_a_payload_that_is_no_json_and_a_template_without_end_say_so(serving):
    async with serving(**LOCAL) as service:
        endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
        for payload, words in (('"a": {{ rule }}', "no JSON"), (endless, "takes too long")):
            case = await a_case(
                service.wiring.sessions,
                options_for("http://127.0.0.1:9/", notification_payload=payload),
            )
            await tell(service, case, EventType.CASE_DONE)
            (row,) = await told(service, case, "failed")
            assert words in row["error"]


async def test_a_waiting_message_is_delivered_after_a_restart(serving):
    port = a_port()
    settings = {**LOCAL, "notification_backoff_s": (2.0, 2.0, 2.0)}
    async with serving(**settings) as service:
        case = await a_case(service.wiring.sessions, options_for(f"http://127.0.0.1:{port}/"))
        await tell(service, case, EventType.CASE_DONE)
        (row,) = await told(service, case, "waiting")
        assert row["error"] == f"Nobody answers at 127.0.0.1:{port}."
        assert row["next_attempt_at"] is not None
    async with serving(**settings) as service, web_sink() as (_, url):
        async with transaction(service.wiring.sessions) as session:
            await session.merge(Case(**{**case.model_dump(), "options": options_for(url)}))
        (row,) = await told(service, case, "sent", "waiting")
        assert row["attempt"] >= 2


@pytest.mark.long
async def test_an_event_that_is_heard_twice_is_told_once(serving):
    async with web_sink() as (sink, url), serving(**LOCAL) as service:
        case = await a_case(service.wiring.sessions, options_for(url))
        event = await tell(service, case, EventType.CASE_DONE)
        await told(service, case, "sent")
        async with transaction(service.wiring.sessions) as session:
            assert await append(session, [event]) == 0

    async with serving(**LOCAL) as service, transaction(service.wiring.sessions) as session:
        offset = await session.get_one(JournalOffset, "notifications")
        offset.sequence = 0
    async with serving(**LOCAL) as service:
        second = await a_case(service.wiring.sessions, options_for("nonsense"))
        await tell(service, second, EventType.CASE_DONE)
        await told(service, second, "failed")
        assert len(await service.get(f"/notifications?case_id={case.id}")) == 1
    assert len(sink.got) == 1


async def test_a_case_whose_rule_cannot_be_read_silences_no_other(serving):
    async with web_sink() as (sink, url), serving(**LOCAL) as service:
        broken = await a_case(service.wiring.sessions, options_for(url, priority="whenever"))
        case = await a_case(service.wiring.sessions, options_for(url))
        with capture_logs() as logged:
            await tell(service, broken, EventType.CASE_DONE)
            await tell(service, case, EventType.CASE_DONE)
            await told(service, case, "sent")
        assert await service.get(f"/notifications?case_id={broken.id}") == []
    assert len(sink.got) == 1
    about = [entry["case_id"] for entry in logged if "rule of a case" in entry["event"]]
    assert about == [str(broken.id)]


async def test_each_address_gets_a_mail_and_a_refused_one_holds_up_no_other(serving):
    async with mail_sink() as (sink, port):
        sink.refused = {"b@clinic.example"}
        settings = {"smtp_host": "127.0.0.1", "smtp_port": port, "email_from": "mri@clinic.example"}
        async with serving(**LOCAL, **settings) as service:
            mail = {"notification_email_body": "<b>@event@</b> {{ mrn }}"}
            case = await a_case(
                service.wiring.sessions,
                options_for(
                    email="a@clinic.example, b@clinic.example",
                    notification_email_type="html",
                    **mail,
                ),
            )
            await tell(service, case, EventType.CASE_FAILED)
            rows = await told(service, case, "sent", "failed", count=2)
    by_address = {row["recipient"]: row for row in rows}
    assert by_address["a@clinic.example"]["status"] == "sent"
    assert "550 no such mailbox" in by_address["b@clinic.example"]["error"]
    ((recipients, message),) = sink.mails
    assert recipients == ["a@clinic.example"]
    assert message["Subject"] == "[Mercure] Rule head: ERROR"
    assert message["From"] == "mri@clinic.example"
    assert message.get_content_type() == "text/html"
    assert message.get_content().strip() == "<b>ERROR</b>"


async def add_rule(service, **options):
    body = {"name": "head", "rule": "True", "action": "discard", **options}
    answer = await service.user.post(f"{WORKFLOW}/rules", json=body)
    assert answer.status_code == 201, answer.text


async def try_out(service, **headers):
    return await service.user.post(
        f"{WORKFLOW}/notifications/test", json={"rule": "head"}, **headers
    )


async def test_the_test_button_sends_a_sample_and_says_what_failed(serving, headers_of):
    async with web_sink() as (sink, url), serving(**LOCAL) as service:
        assert (await try_out(service)).status_code == 404
        told_of = options_for(url, "a@clinic.example", target=[])
        await add_rule(service, **told_of)
        results = (await try_out(service)).json()
        assert [(r["channel"], r["ok"]) for r in results] == [("webhook", True), ("email", False)]
        assert "SCANHUB_WORKFLOW_SMTP_HOST" in results[1]["detail"]
        refused = await try_out(service, headers=headers_of(UserRole.MEDICAL))
        assert refused.status_code == 403
    assert sink.documents[0]["mrn"] == "UNKNOWN"


async def test_a_rule_that_tells_nobody_cannot_be_tried_out(service):
    await add_rule(service)
    answer = await try_out(service)
    assert answer.status_code == 422
    assert "tells nobody" in answer.text
