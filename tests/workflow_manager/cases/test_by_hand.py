"""Series that a person looks for and sends to a target by hand."""

from images import SERIES, STUDY
from workflow_service import until


async def a_complete_series(ward, *numbers):
    await ward.receive(SERIES, *numbers)
    await ward.post(f"/series/{SERIES}/complete")


async def sent(service, **wanted):
    async def there():
        rows = await service.get("/dispatches?status=sent&status=failed")
        right = [row for row in rows if wanted.items() <= row.items()]
        return right[0] if right else None

    return await until(there)


async def test_a_study_is_sent_to_a_target_that_no_rule_names(service, ward_of, node):
    ward = ward_of(service)
    await ward.add_rule("kept", action="discard", target=[])
    await a_complete_series(ward, 1, 2)
    await ward.add_target("PACS", node.port)
    [queued] = await ward.post("/dispatches", {"study_instance_uid": STUDY, "target": "PACS"})
    assert (queued["patient_name"], queued["series_description"]) == ("Doe^Jane", "T2")
    done = await sent(service, id=queued["id"])
    assert (done["status"], done["sent"], len(node.received)) == ("sent", 2, 2)
    again = {"study_instance_uid": STUDY, "target": "PACS", "series_instance_uids": [SERIES]}
    await ward.post("/dispatches", again)
    assert len(await service.get("/dispatches?status=sent")) == 1
    await ward.post("/dispatches", {**again, "again": True})
    await sent(service, attempt=2)
    assert len(node.received) == 4


async def test_what_is_not_complete_or_not_there_is_not_sent_by_hand(service, ward_of, node):
    ward = ward_of(service)
    await ward.receive(SERIES, 1)
    await ward.add_target("PACS", node.port)
    wanted = {"study_instance_uid": STUDY, "target": "PACS"}
    arriving = await ward.post("/dispatches", wanted, 409)
    assert arriving["series_instance_uids"] == [SERIES]
    await ward.post("/dispatches", {**wanted, "series_instance_uids": ["1.2.3"]}, 404)
    await ward.post("/dispatches", {**wanted, "study_instance_uid": "1.2.3"}, 404)
    await ward.post("/dispatches", {**wanted, "target": "nowhere"}, 404)
    assert await service.get("/dispatches") == []


async def test_a_target_that_is_only_asked_for_images_gets_none_by_hand(service, ward_of, node):
    ward = ward_of(service)
    body = {"name": "PACS", "ip": "127.0.0.1", "port": node.port, "aet_target": "PEER"}
    await ward.post("/targets", {**body, "direction": "pull"})
    await a_complete_series(ward, 1)
    wanted = {"study_instance_uid": STUDY, "target": "PACS"}
    assert "PACS" in (await ward.post("/dispatches", wanted, 409))["detail"]


async def test_a_dispatch_names_each_image_that_was_not_taken_and_why(serving, ward_of, node):
    async with serving(dispatch_backoff_s=()) as service:
        ward = ward_of(service)
        node.status = 0xA700
        await ward.add_target("PACS", node.port)
        await ward.add_rule("everything")
        await a_complete_series(ward, 1, 2)
        failed = await sent(service, status="failed")
        whole = await service.get(f"/dispatches/{failed['id']}")
        assert [one["sop_instance_uid"] for one in whole["failures"]] == [
            f"{SERIES}.1",
            f"{SERIES}.2",
        ]
        assert "A700" in whole["failures"][0]["reason"].upper()


async def test_cases_are_found_by_what_people_call_them(service, ward_of):
    ward = ward_of(service)
    await ward.add_rule("brains", "True", target=[], action="discard")
    await a_complete_series(ward, 1)
    [case] = await service.get("/cases?text=JAN")
    assert (case["patient_name"], case["patient_id"], case["rule"]) == ("Doe^Jane", "P-1", "brains")
    assert case["series_descriptions"] == ["T2"]
    for text in ("p-1", "BRAIN", STUDY):
        assert [found["id"] for found in await service.get(f"/cases?text={text}")] == [case["id"]]
    for text in ("p-2", "%25", "j_n"):
        assert await service.get(f"/cases?text={text}") == []
    assert (await service.get(f"/cases/{case['id']}"))["patient_name"] == "Doe^Jane"


async def test_a_case_says_that_what_is_sent_for_it_is_paused(service, ward_of, node):
    ward = ward_of(service)
    await ward.add_target("PACS", node.port)
    await ward.add_rule("everything")
    await ward.post("/dispatches/pause", {"reason": "service"})
    await a_complete_series(ward, 1)
    [case] = await service.get("/cases")
    [dispatch] = (await service.get(f"/cases/{case['id']}"))["dispatches"]
    assert dispatch["waits_for"].startswith("Paused by user:tester since")
    assert (dispatch["patient_name"], dispatch["series_description"]) == ("Doe^Jane", "T2")
