"""What rules tell of the cases of real images, from their reception to their end."""

import sys
from pathlib import Path

from workflow_service import a_port, until

sys.path.insert(0, str(Path(__file__).parents[1] / "notifications"))
from sinks import web_sink

LOCAL = {"webhook_http": True, "webhook_local": True, "series_quiet_s": 0.2}
PAYLOAD = (
    '"rule": "{{ rule }}", "event": "{{ event }}", "case": "@task_id@", "mrn": "{{ mrn }}",'
    ' "name": "{{ patient_name }}", "reason": "{{ reason }}"'
)


def telling(url, **options):
    return {"notification_webhook": url, "notification_payload": PAYLOAD, **options}


async def heard(sink, count):
    await until(lambda: len(sink.got) >= count)
    found = {(document["rule"], document["event"]): document for document in sink.documents}
    assert len(found) == count
    return found


async def test_a_case_tells_that_it_came_and_that_it_is_sent_or_failed(serving, ward_of, node):
    async with web_sink() as (sink, url), serving(**LOCAL, dispatch_backoff_s=()) as service:
        ward = ward_of(service)
        await ward.add_target("PACS", node.port)
        await ward.add_target("DOWN", a_port())
        await ward.add_rule("sent", **telling(url))
        await ward.add_rule("failing", target=["DOWN"], **telling(url))
        await ward.add_rule(
            "quiet",
            **telling(
                url,
                notification_trigger_reception=False,
                notification_trigger_completion=False,
                notification_trigger_completion_on_request=True,
            ),
        )
        await ward.add_rule("told", action="notification", target=[], **telling(url))
        await ward.add_rule("draft", shadow=True, **telling(url))
        await ward.receive("1.1", 1)
        case = await ward.case("done", rule="sent")
        await ward.case("done", rule="quiet")
        found = await heard(sink, 6)
        told = await service.get("/notifications")
    assert set(found) == {
        ("sent", "RECEIVED"),
        ("sent", "COMPLETED"),
        ("failing", "RECEIVED"),
        ("failing", "ERROR"),
        ("told", "RECEIVED"),
        ("told", "COMPLETED"),
    }
    assert found["sent", "COMPLETED"]["case"] == case["id"]
    assert found["sent", "COMPLETED"]["reason"] == "Sent to PACS."
    assert "1 of 1 not sent. DOWN" in found["failing", "ERROR"]["reason"]
    assert {(d["mrn"], d["name"]) for d in sink.documents} == {("UNKNOWN", "UNKNOWN")}
    assert len(told) == 6


async def test_a_study_is_told_of_once_and_by_name_where_that_is_allowed(serving, ward_of):
    settings = {**LOCAL, "phi_notifications": True, "study_complete_s": 0.5}
    async with web_sink() as (sink, url), serving(**settings) as service:
        ward = ward_of(service)
        options = telling(url, action="notification", target=[], action_trigger="study")
        await ward.add_rule("study", **options)
        await ward.receive("1.1", 1)
        await ward.receive("1.2", 1)
        await ward.case("done", rule="study")
        found = await heard(sink, 2)
    names = {event: document["name"] for (_, event), document in found.items()}
    assert names == {"RECEIVED": "Doe^Jane", "COMPLETED": "Doe^Jane"}
