"""Studies are gathered until they are complete; no image is lost, sent twice or left behind."""

import asyncio

import pytest
from workflow_service import WORKFLOW, until

QUIET = {"series_quiet_s": 0.2}
STUDY = {"action_trigger": "study"}
T1_AND_T2 = {
    **STUDY,
    "study_trigger_condition": "received_series",
    "study_trigger_series": "'t1' and 't2'",
}


async def test_a_study_is_sent_as_one_when_nothing_more_comes(serving, ward_of, node):
    async with serving(**QUIET, study_complete_s=1.5) as service:
        ward = ward_of(service)
        await ward.add_target("PACS", node.port)
        await ward.add_rule("study", **STUDY)
        await ward.receive("1.1", 1, 2)
        waiting = await ward.case("waiting", "receiving", rule="study")
        assert waiting["kind"] == "study"
        await ward.receive("1.2", 1)
        done = await ward.case("done", rule="study")
        assert done["series_instance_uids"] == ["1.1", "1.2"]
        assert done["complete_reason"] == "Nothing came for 1.5 s."
        assert sorted(node.received) == ["1.1.1", "1.1.2", "1.2.1"]
        timeline = await ward.timeline(done)
        assert [t for t in timeline if t.startswith("case.")][:1] == ["case.opened"]
        assert timeline.count("case.complete") == timeline.count("case.done") == 1


async def test_a_study_waits_for_the_series_that_its_rule_asks_for(serving, ward_of, node):
    async with serving(**QUIET) as service:
        ward = ward_of(service)
        await ward.add_target("PACS", node.port)
        await ward.add_rule("study", **T1_AND_T2)
        await ward.receive("1.1", 1, description="ax T1")
        waiting = await ward.case("waiting", rule="study")
        assert waiting["waits_until"] is not None
        assert node.received == []
        await ward.receive("1.2", 1, description="sag T2")
        done = await ward.case("done", rule="study")
        assert done["complete_reason"] == "The series that the rule asks for are there."
        assert sorted(node.received) == ["1.1.1", "1.2.1"]


async def test_a_study_stays_open_while_a_series_arrives_that_nobody_asked_for(
    serving, ward_of, node
):
    """Mercure closed it: series that still arrived were not looked at."""
    async with serving(series_quiet_s=3600.0, study_force_s=0.1) as service:
        ward = ward_of(service)
        await ward.add_target("PACS", node.port)
        await ward.add_rule("study", **T1_AND_T2, study_force_completion_action="discard")
        await ward.receive("1.3", 1, description="localizer")
        for series, description in (("1.1", "T1"), ("1.2", "T2")):
            await ward.receive(series, 1, description=description)
            await ward.post(f"/series/{series}/complete")
        await asyncio.sleep(0.3)  # longer than the time after which it would be discarded
        case = await ward.case("receiving", rule="study")
        assert case["reason"] == "1 series of the study still arrives."
        assert node.received == []
        await ward.post("/series/1.3/complete")
        await ward.case("done", rule="study")
        assert sorted(node.received) == ["1.1.1", "1.2.1", "1.3.1"]


@pytest.mark.parametrize(
    "ending",
    [("discard", "discarded", []), ("proceed", "done", ["1.1.1"]), ("ignore", "waiting", [])],
)
async def test_what_becomes_of_a_study_that_stays_incomplete(serving, ward_of, node, ending):
    action, state, received = ending
    async with serving(**QUIET, study_force_s=0.6) as service:
        ward = ward_of(service)
        await ward.add_target("PACS", node.port)
        await ward.add_rule("study", **T1_AND_T2, study_force_completion_action=action)
        await ward.receive("1.1", 1, description="T1")
        case = await ward.case(state, rule="study")
        assert case["reason"]
        assert node.received == received
        (image,) = await service.get("/series/1.1/instances")
        file = await service.user.get(f"{WORKFLOW}/instances/{image['sop_instance_uid']}/file")
        assert file.status_code == 200


async def test_a_person_completes_a_study_once_nothing_arrives(serving, ward_of, node):
    async with serving(series_quiet_s=3600.0) as service:
        ward = ward_of(service)
        await ward.add_target("PACS", node.port)
        await ward.add_rule("study", **STUDY)
        await ward.receive("1.1", 1)
        await ward.post("/series/1.1/complete")
        await ward.receive("1.2", 1)
        waiting = await ward.case("waiting", "receiving", rule="study")
        forced = await ward.post(f"/cases/{waiting['id']}/complete")
        assert (forced["state"], forced["wish"]) == ("receiving", "complete")
        assert forced["reason"].endswith("Then it is complete: user:tester asked for it.")
        await ward.post("/series/1.2/complete")
        done = await ward.case("done", rule="study")
        assert done["complete_reason"] == "Completed by user:tester."
        assert sorted(node.received) == ["1.1.1", "1.2.1"]


async def test_a_person_discards_a_study_and_what_comes_later_is_a_follow_up(
    serving, ward_of, node
):
    async with serving(series_quiet_s=3600.0) as service:
        ward = ward_of(service)
        await ward.add_target("PACS", node.port)
        await ward.add_rule("study", **STUDY)
        await ward.receive("1.1", 1)
        await ward.post("/series/1.1/complete")
        waiting = await ward.case("waiting", rule="study")
        discarded = await ward.post(f"/cases/{waiting['id']}/discard")
        assert discarded["state"] == "discarded"
        assert discarded["files_kept_until"] > discarded["ended_at"]
        await ward.receive("1.2", 1)
        await ward.post("/series/1.2/complete")
        second = await ward.case("waiting", rule="study", number=2)
        assert second["series_instance_uids"] == ["1.2"]
        assert node.received == []


async def test_late_images_of_a_study_are_a_follow_up_and_sent_alone(serving, ward_of, node):
    async with serving(**QUIET, study_complete_s=0.4) as service:
        ward = ward_of(service)
        await ward.add_target("PACS", node.port)
        await ward.add_rule("study", **STUDY)
        await ward.receive("1.1", 1)
        first = await ward.case("done", rule="study")
        await ward.receive("1.1", 2)
        second = await ward.case("done", rule="study", number=2)
        assert node.received == ["1.1.1", "1.1.2"]
        assert second["id"] != first["id"]


async def test_a_study_rule_that_only_notifies_is_done_once_and_a_series_rule_beside_it(
    serving, ward_of, node
):
    async with serving(**QUIET, study_complete_s=0.6) as service:
        ward = ward_of(service)
        await ward.add_target("PACS", node.port)
        await ward.add_rule("tell", action="notification", target=[], **STUDY)
        await ward.add_rule("send")
        for series in ("1.1", "1.2"):
            await ward.receive(series, 1)
        told = await ward.case("done", rule="tell")
        assert told["series_instance_uids"] == ["1.1", "1.2"]

        async def sent():
            cases = await service.get("/cases?rule=send&state=done")
            return len(cases) == 2

        await until(sent)
        assert sorted(node.received) == ["1.1.1", "1.2.1"]


async def test_a_waiting_study_survives_a_restart(serving, ward_of, node):
    async with serving(**QUIET) as service:
        ward = ward_of(service)
        await ward.add_target("PACS", node.port)
        await ward.add_rule("study", **STUDY)
        await ward.receive("1.1", 1)
        await ward.case("waiting", rule="study")
    async with serving(**QUIET, study_complete_s=0.2) as service:
        await ward_of(service).case("done", rule="study")
        assert node.received == ["1.1.1"]
