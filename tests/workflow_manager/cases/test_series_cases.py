"""Each rule that fires for a series opens a case, which is moving, done, or says why not."""

from datetime import datetime

from workflow_service import WORKFLOW, a_port, until

from workflow_manager.dicom.entries import Origin

SOON, NEVER = {"series_quiet_s": 0.2}, {"series_quiet_s": 3600.0}


async def test_a_routed_series_is_one_case_for_each_rule_and_sent_once(serving, ward_of, node):
    async with serving(**SOON) as service:
        ward = ward_of(service)
        await ward.add_target("PACS", node.port)
        await ward.add_rule("first")
        await ward.add_rule("second")
        await ward.receive("1.1", 1, 2)
        cases = [await ward.case("done", rule=rule) for rule in ("first", "second")]
        assert [c["reason"] for c in cases] == ["Sent to PACS."] * 2
        assert cases[0]["complete_reason"] == "quiet"
        assert sorted(node.received) == ["1.1.1", "1.1.2"]
        whole = await service.get(f"/cases/{cases[0]['id']}")
        (series,) = whole["series"]
        assert (series["instances"], series["decision"]["number"]) == (2, 1)
        assert series["decision"]["reason"] == "Fired: first, second."
        assert [(d["target"], d["status"]) for d in whole["dispatches"]] == [("PACS", "sent")]
        assert [e["type"] for e in whole["timeline"]] == [
            "dicom.series.received",
            "dicom.series.complete",
            "dicom.series.decided",
            "case.opened",
            "case.complete",
            "dispatch.queued",
            "dispatch.sent",
            "case.done",
        ]
        assert "Doe" not in str([e["data"] for e in whole["timeline"]])


async def test_what_no_rule_wants_is_discarded_and_its_files_are_kept(serving, ward_of):
    async with serving(**SOON) as service:
        ward = ward_of(service)
        await ward.add_rule("none", "False", action="discard", target=[])
        await ward.receive("1.1", 1)
        case = await ward.case("discarded")
        assert (case["rule"], case["reason"]) == (None, "No rule fired: discarded by default.")
        assert case["files_kept_until"] > case["ended_at"]
        (image,) = await service.get("/series/1.1/instances")
        file = await service.user.get(f"{WORKFLOW}/instances/{image['sop_instance_uid']}/file")
        assert file.status_code == 200


async def test_a_rule_that_only_notifies_leaves_a_case_that_is_done(serving, ward_of):
    async with serving(**SOON) as service:
        ward = ward_of(service)
        await ward.add_rule("tell", action="notification", target=[])
        await ward.receive("1.1", 1)
        case = await ward.case("done", rule="tell")
        assert await ward.timeline(case) == [
            "dicom.series.received",
            "dicom.series.complete",
            "dicom.series.decided",
            "case.opened",
            "case.complete",
            "case.done",
        ]


async def test_a_rule_in_shadow_mode_is_recorded_and_does_nothing(serving, ward_of):
    async with serving(**SOON) as service:
        ward = ward_of(service)
        await ward.add_target("PACS", a_port())
        await ward.add_rule("draft", shadow=True)
        await ward.add_rule("draft-discard", shadow=True, action="discard", target=[])
        await ward.add_rule("tell", action="notification", target=[])
        await ward.receive("1.1", 1)
        await ward.case("done", rule="tell")
        assert len(await service.get("/cases")) == 1
        decision = await service.get("/series/1.1/decision")
        outcomes = {r["name"]: r["outcome"] for r in decision["selection"]["rules"]}
        assert outcomes == {
            "draft": "would_fire",
            "draft-discard": "would_fire",
            "tell": "fired",
        }
        journal = await service.get("/journal?subject=1.1")
        assert journal[-1]["data"]["would_fire"] == ["draft", "draft-discard"]


async def test_a_rule_is_forced_by_whoever_brings_the_images(serving, ward_of):
    async with serving(**SOON) as service:
        ward = ward_of(service)
        await ward.add_rule("all", action="discard", target=[])
        await ward.add_rule("mine", "False", action="notification", target=[], disabled=True)
        await ward.receive("1.1", 1, origin=Origin("UPLOAD", forced_rule="mine"))
        assert (await ward.case("done", series_instance_uid="1.1"))["rule"] == "mine"
        await ward.receive("1.2", 1, origin=Origin("UPLOAD", forced_rule="gone"))
        case = await ward.case("discarded", series_instance_uid="1.2")
        assert "'gone' was forced, and there is none" in case["reason"]


async def test_a_series_is_complete_soon_after_its_association_has_ended(serving, ward_of):
    port = a_port()
    async with serving(**NEVER, series_closed_quiet_s=0.3, dicom_port=port) as service:
        ward = ward_of(service)
        await ward.add_rule(
            "all", "tags.ReceiverAET == 'SCANHUB'", action="notification", target=[]
        )
        await ward.receive("1.2", 1)  # by no association: nothing says that it is over
        await ward.send(port, "1.1", 1, 2)
        case = await ward.case("done", series_instance_uid="1.1")
        assert (case["complete_reason"], case["rule"]) == ("association closed", "all")
        assert await service.get("/cases?series_instance_uid=1.2") == []


async def test_a_series_that_another_association_still_brings_is_not_complete(serving, ward_of):
    port = a_port()
    async with serving(**NEVER, series_closed_quiet_s=0.3, dicom_port=port) as service:
        ward = ward_of(service)
        slow = await ward.open_association(port)
        await ward.store(slow, "1.1", 1)
        await ward.send(port, "1.1", 2)
        await ward.send(port, "1.2", 1)
        await ward.case("discarded", "done", series_instance_uid="1.2")
        assert await service.get("/cases?series_instance_uid=1.1") == []
        await ward.store(slow, "1.1", 3)
        await ward.close(slow)
        case = await ward.case("discarded", "done", series_instance_uid="1.1")
        whole = await service.get(f"/cases/{case['id']}")
        assert [s["instances"] for s in whole["series"]] == [3]


async def test_a_person_can_say_that_nothing_more_comes(serving, ward_of, node):
    async with serving(**NEVER) as service:
        ward = ward_of(service)
        await ward.add_target("PACS", node.port)
        await ward.add_rule("all")
        await ward.receive("1.1", 1)
        (case,) = await ward.post("/series/1.1/complete")
        assert (case["state"], case["complete_reason"]) == ("dispatching", "by hand")
        await ward.case("done", rule="all")
        assert node.received == ["1.1.1"]
        await ward.post("/series/1.1/complete", status=409)
        await ward.post("/series/9.9/complete", status=404)


async def test_late_images_open_a_numbered_follow_up_and_are_sent_alone(serving, ward_of, node):
    async with serving(**SOON) as service:
        ward = ward_of(service)
        await ward.add_target("PACS", node.port)
        await ward.add_rule("all")
        await ward.receive("1.1", 1)
        first = await ward.case("done", rule="all")
        await ward.receive("1.1", 2)
        second = await ward.case("done", rule="all", number=2)
        assert node.received == ["1.1.1", "1.1.2"]
        assert (await service.get(f"/cases/{first['id']}"))["state"] == "done"
        assert (await ward.timeline(second)).count("case.opened") == 1
        await ward.receive("1.1", 2)  # the same image again is no news
        assert len(await service.get("/cases")) == 2
        (dispatch,) = (await service.get(f"/cases/{second['id']}"))["dispatches"]
        told = [dispatch[name] for name in ("instances", "sent", "sent_before")]
        assert told == [2, 2, 1]
        await ward.post(f"/dispatches/{dispatch['id']}/retry?again=true")
        (again,) = await service.get("/dispatches")
        assert again["sent_before"] == 0  # all of it is sent once more


async def test_a_case_whose_target_is_away_says_why_and_when_it_is_tried_again(serving, ward_of):
    async with serving(series_quiet_s=0.2, dispatch_backoff_s=(3600.0,)) as service:
        ward = ward_of(service)
        await ward.add_target("PACS", a_port())
        await ward.add_rule("all")
        await ward.receive("1.1", 1)

        async def told():
            cases = await service.get("/cases?state=dispatching")
            return cases[0] if cases and "next attempt" in cases[0]["reason"] else None

        case = await until(told)
        (dispatch,) = await service.get("/dispatches")
        at = datetime.fromisoformat(dispatch["next_attempt_at"]).isoformat(timespec="seconds")
        said = f"0 of 1 sent, to PACS. The next attempt, at {at}. PACS: {dispatch['error']}"
        assert case["reason"] == said
        assert (await service.get(f"/cases/{case['id']}"))["reason"] == said


async def test_a_failed_case_says_why_and_can_be_sent_again_or_given_up(serving, ward_of, node):
    async with serving(**SOON, dispatch_backoff_s=()) as service:
        ward = ward_of(service)
        await ward.add_target("PACS", node.port)
        await ward.add_rule("all")
        node.status = 0xA700
        await ward.receive("1.1", 1)
        await ward.receive("1.2", 1)
        case = await ward.case("failed", series_instance_uid="1.1")
        other = await ward.case("failed", series_instance_uid="1.2")
        assert case["reason"].startswith("1 of 1 not sent. PACS: ")
        given_up = await ward.post(f"/cases/{other['id']}/discard")
        assert (given_up["state"], given_up["reason"]) == ("discarded", "Discarded by user:tester.")
        node.status = 0x0000
        assert (await ward.post(f"/cases/{case['id']}/retry"))["state"] == "dispatching"
        done = await ward.case("done", series_instance_uid="1.1")
        assert node.received == ["1.1.1"]
        for action in ("retry", "discard", "complete"):
            await ward.post(f"/cases/{done['id']}/{action}", status=409)


async def test_cases_are_listed_newest_first_in_pages(serving, ward_of):
    async with serving(**SOON) as service:
        ward = ward_of(service)
        await ward.add_rule("tell", action="notification", target=[])
        for number in (1, 2, 3):
            await ward.receive(f"1.{number}", 1)
            await ward.case("done", series_instance_uid=f"1.{number}")
        first = await service.get("/cases?limit=2")
        rest = await service.get(f"/cases?limit=2&before={first[-1]['id']}")
        assert [c["series_instance_uids"] for c in first + rest] == [["1.3"], ["1.2"], ["1.1"]]
        assert await service.get("/cases?state=failed") == []
        assert len(await service.get("/cases?kind=series&state=done&rule=tell")) == 3
        missing = "00000000-0000-7000-8000-000000000000"
        assert (await service.user.get(f"{WORKFLOW}/cases/{missing}")).status_code == 404


async def test_timers_survive_a_restart(serving, ward_of):
    async with serving(**NEVER) as service:
        await ward_of(service).receive("1.1", 1)
    async with serving(**SOON) as service:
        await ward_of(service).case("done", series_instance_uid="1.1")


async def test_the_most_urgent_of_the_rules_that_share_a_target_counts(serving, ward_of):
    """In mercure the first of them did, and off-peak was not looked at."""
    async with serving(**SOON) as service:
        ward = ward_of(service)
        await ward.add_target("PACS", a_port())
        for name in ("normal", "urgent", "offpeak"):
            await ward.add_rule(name, priority=name)
        await ward.receive("1.1", 1)
        case = await ward.case("dispatching", rule="offpeak")
        assert case["priority"] == "offpeak"
        (dispatch,) = (await service.get(f"/cases/{case['id']}"))["dispatches"]
        assert dispatch["priority"] == "urgent"


async def test_a_case_follows_its_series_to_another_target(serving, ward_of, node):
    async with serving(**SOON, dispatch_backoff_s=()) as service:
        ward = ward_of(service)
        await ward.add_target("PACS", a_port())
        await ward.add_target("OTHER", node.port)
        await ward.add_rule("all")
        await ward.receive("1.1", 1)
        case = await ward.case("failed", rule="all")
        (dispatch,) = (await service.get(f"/cases/{case['id']}"))["dispatches"]
        await ward.post(f"/dispatches/{dispatch['id']}/redirect", {"target": "OTHER"})
        done = await ward.case("done", rule="all")
        assert done["reason"] == "Sent to OTHER."
        assert node.received == ["1.1.1"]
