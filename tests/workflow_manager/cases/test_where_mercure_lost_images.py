"""Where mercure lost images, or left a case without a word; each of its weak points, here.

1. Images of a series vanish while it is routed: the target is gone (below), the study is routed by
   somebody else or an image arrives meanwhile (test_case_races.py), the disk is full
   (test_dicom_store.py).
2. A series is sent again while it waits: below.
3. A study that arrives for long is discarded: below, and test_study_rules.py.
4. No Study Instance UID: below.
5. Locks that a crash left: nothing is locked by a file; test_case_races.py, test_node_kill.py and
   test_killed.py kill.
6. Priorities: below, and test_targets.py.
7. The rule of a case is deleted: test_case_races.py.
8. Buttons that do nothing: test_series_cases.py, and below.
9. Saving a rule loses options: below.
"""

import asyncio
from datetime import timedelta

import pydicom
from images import STUDY, instance
from test_dicomweb_retrieve import encoded
from test_dicomweb_store import OTHER, STORED, in_place, store
from workflow_service import WORKFLOW, a_port

from scanhub_libraries.clock import utc_now
from scanhub_libraries.models import RuleAction, RuleOptions

QUIET, NEVER = {"series_quiet_s": 0.2}, {"series_quiet_s": 3600.0}
GATHER = {"action_trigger": "study"}


async def test_a_study_whose_target_is_gone_has_failed_and_can_be_sent_again(
    serving, ward_of, node
):
    async with serving(**NEVER) as service:
        ward = ward_of(service)
        await ward.add_target("PACS", node.port)
        await ward.add_rule("study", **GATHER)
        await ward.receive("1.1", 1, 2)
        await ward.post("/series/1.1/complete")
        waiting = await ward.case("waiting", rule="study")
        for path in ("/rules/study", "/targets/PACS"):
            assert (await service.user.delete(f"{WORKFLOW}{path}")).status_code == 204
        await ward.post(f"/cases/{waiting['id']}/complete")
        failed = await ward.case("failed", rule="study")
        assert "There is no target 'PACS'" in failed["reason"]
        await ward.post(f"/cases/{failed['id']}/retry", status=404)
        await ward.add_target("PACS", node.port)
        await ward.post(f"/cases/{failed['id']}/retry")
        await ward.case("done", rule="study")
        assert sorted(node.received) == ["1.1.1", "1.1.2"]


async def test_a_series_that_is_uploaded_again_while_it_waits_has_every_image_once(
    serving, ward_of, node
):
    async with serving(**NEVER) as service:
        ward = ward_of(service)
        await ward.add_target("PACS", node.port)
        await ward.add_rule("study", **GATHER)
        first = [encoded(instance(number, series="1.1")) for number in (1, 2)]
        second = [encoded(instance(number, series="1.1")) for number in (2, 3)]
        for files in (first, second):
            assert len((await store(service, *files)).json()[STORED]["Value"]) == 2
        await ward.post("/series/1.1/complete")
        waiting = await ward.case("waiting", rule="study")
        await store(service, *second)  # while its study waits
        assert await ward.case("waiting", rule="study") == waiting
        await store(service, *second, encoded(instance(4, series="1.1")))
        await ward.post(f"/cases/{waiting['id']}/complete")
        await ward.post("/series/1.1/complete")
        await ward.case("done", rule="study")
        assert sorted(node.received) == ["1.1.1", "1.1.2", "1.1.3", "1.1.4"]
        images = await service.get("/series/1.1/instances")
        assert len(images) == 4
        files = [path for path in service.wiring.lake.root.rglob("*.dcm") if in_place(path)]
        assert len(files) == 4


async def test_a_study_that_arrives_for_longer_than_it_is_waited_for_is_not_discarded(
    serving, ward_of, node
):
    async with serving(**NEVER, study_force_s=0.1, study_complete_s=0.2) as service:
        ward = ward_of(service)
        await ward.add_target("PACS", node.port)
        await ward.add_rule("study", **GATHER)
        await ward.receive("1.1", 1)
        await ward.receive("1.2", 1)
        await ward.post("/series/1.1/complete")
        await asyncio.sleep(0.5)  # longer than both times
        case = await ward.case("receiving", rule="study")
        assert case["reason"] == "1 series of the study still arrives."
        await ward.post("/series/1.2/complete")
        await ward.case("done", rule="study")
        assert sorted(node.received) == ["1.1.1", "1.2.1"]


async def test_images_without_a_study_of_two_patients_are_kept_apart_with_a_reason(
    serving, ward_of
):
    """In mercure they were one study, for one rule."""
    async with serving(**QUIET) as service:
        ward = ward_of(service)
        await ward.add_rule("study", action="notification", target=[], **GATHER)
        files = []
        for number, patient in ((1, "Ada"), (2, "Bob")):
            dataset = instance(number, series="1.1")
            dataset.StudyInstanceUID, dataset.PatientName = "", patient
            files.append(encoded(dataset))
        answer = await store(service, *files)
        assert answer.status_code == 409
        assert len(answer.json()[OTHER]["Value"]) == 2
        # What belongs to a study is not held up by that.
        await store(service, encoded(instance(3, series="1.2")))
        await ward.case("waiting", "receiving", "done", rule="study", study_instance_uid=STUDY)
        assert [series["series_instance_uid"] for series in await service.get("/series")] == ["1.2"]
        kept = sorted((service.wiring.lake.root / "dicom" / "quarantine").glob("*.dcm"))
        names = {str(pydicom.dcmread(path).PatientName) for path in kept}
        assert names == {"Ada", "Bob"}
        events = await service.get("/journal?type=dicom.instance.quarantined")
        assert len(events) == 2
        reason = "Study Instance UID is '', which is no DICOM UID."
        assert {event["data"]["detail"] for event in events} == {reason}


async def test_urgent_series_without_any_other_are_all_sent(serving, ward_of, node):
    """In mercure the third turn belonged to the normal ones, and there were none: it gave up."""
    async with serving(**QUIET) as service:
        ward = ward_of(service)
        await ward.add_target("PACS", node.port)
        await ward.add_rule("all", priority="urgent")
        for number in range(1, 6):
            await ward.receive(f"1.{number}", 1)
        for number in range(1, 6):
            await ward.case("done", series_instance_uid=f"1.{number}")
        assert sorted(node.received) == [f"1.{number}.1" for number in range(1, 6)]


async def test_a_series_waits_for_off_peak_hours_with_a_reason_and_a_button(serving, ward_of, node):
    """In mercure a rule for series was not off-peak whatever it said."""
    start, end = (f"{(utc_now() + timedelta(hours=h)).hour:02}:00" for h in (6, 7))
    async with serving(**QUIET, offpeak_start=start, offpeak_end=end) as service:
        ward = ward_of(service)
        await ward.add_target("PACS", node.port)
        await ward.add_rule("all", priority="offpeak")
        await ward.receive("1.1", 1)
        case = await ward.case("dispatching", rule="all")
        (dispatch,) = await service.get("/dispatches")
        assert (dispatch["status"], dispatch["priority"]) == ("queued", "offpeak")
        assert dispatch["waits_for"]
        await ward.post(f"/dispatches/{dispatch['id']}/retry")
        await ward.case("done", rule="all")
        assert case["reason"] == f"0 of 1 sent, to PACS. {dispatch['waits_for']}"


FULL = {
    "rule": "tags.Modality == 'MR'",
    "target": ["PACS"],
    "disabled": True,
    "shadow": True,
    "fallback": True,
    "contact": "mr@example.org",
    "comment": "heads",
    "tags": "mr",
    "action": RuleAction.ROUTE.value,
    "action_trigger": "study",
    "study_trigger_condition": "received_series",
    "study_trigger_series": "'t1' and 't2'",
    "study_force_completion_action": "ignore",
    "priority": "urgent",
    "processing_module": ["segmentation", "segmentation"],
    "processing_settings": [{"threshold": 3}],
    "processing_retain_images": True,
    "processing_deadline_s": 3600.0,
    "processing_review": {"role": "scientist", "deadline_s": 60.0, "at_deadline": "wait"},
    "processing_gates": [
        {"after": 1, "role": "medical", "deadline_s": None, "at_deadline": "reject"}
    ],
    "notification_webhook": "https://hooks.example.org/x",
    "notification_payload": '"text": "{{ body }}"',
    "notification_payload_body": "{{ rule }}",
    "notification_email": "a@example.org, b@example.org",
    "notification_email_body": "{{ rule }}",
    "notification_email_type": "html",
    "notification_trigger_reception": False,
    "notification_trigger_completion": False,
    "notification_trigger_completion_on_request": True,
    "notification_trigger_error": False,
    "dynamic_routing": True,
    "dynamic_routing_allowed_targets": ["PACS"],
    "conditional_alternate_target": "PACS",
}


async def test_a_rule_that_is_read_and_saved_keeps_every_option(service, ward_of):
    """Mercure's editor dropped the targets that modules may choose."""
    assert set(FULL) == set(RuleOptions.model_fields)
    defaults = RuleOptions().model_dump(mode="json")
    assert {name for name, value in FULL.items() if value == defaults[name]} == {"action"}
    ward = ward_of(service)
    await ward.add_target("PACS", a_port())
    await ward.post("/modules", {"name": "segmentation", "docker_tag": "segmentation:1"})
    await ward.post("/rules", {"name": "full", **FULL})
    read = await service.get("/rules/full")
    assert {name: read[name] for name in FULL} == FULL
    saved = await service.user.put(f"{WORKFLOW}/rules/full", json=body_of(read))
    assert saved.json() == read
    changed = {**body_of(read), "comment": "all heads"}
    saved = (await service.user.put(f"{WORKFLOW}/rules/full", json=changed)).json()
    assert {name: saved[name] for name in FULL} == {**FULL, "comment": "all heads"}
    (change,) = await service.get("/rules/full/diff?before=1&after=2")
    assert (change["field"], change["before"], change["after"]) == ("comment", "heads", "all heads")


def body_of(read):
    """What a client sends back: what it read, but for what the server says itself."""
    return {name: value for name, value in read.items() if name in {"name", *FULL}}
