"""Studies are fetched by accession number, from a node of ours that plays the other system."""

from datetime import timedelta

import pytest
from effort import POSTGRESQL_IN_CI
from sources import ROOT, archive, study
from workflow_service import WORKFLOW, a_port, over_http, until

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import transaction
from scanhub_libraries.lake import LocalLake
from workflow_manager.cases.again import await_series
from workflow_manager.dicom.entries import Origin
from workflow_manager.retrieval import inbox
from workflow_manager.room import Room

URL = f"{WORKFLOW}/retrievals"


@pytest.fixture
async def other(tmp_path, other_database):
    studies = study(1, series=2), study(2), study(3, Modality="CT", StudyDate="20250101")
    async with archive(tmp_path / "other", other_database, *studies) as node:
        yield node


async def add_source(service, port, **changes):
    body = {"name": "old", "ip": "127.0.0.1", "port": port, "aet_target": "ARCHIVE"}
    body |= {"direction": "pull", **changes}
    answer = await service.user.post(f"{WORKFLOW}/targets", json=body)
    assert answer.status_code == 201, answer.text


async def fetch(service, *numbers, **changes):
    body = {"source": "old", "accession_numbers": list(numbers), **changes}
    answer = await service.user.post(URL, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def ended(service, id_, *states):
    async def reached():
        found = await service.get(f"/retrievals/{id_}")
        return found if found["state"] in (states or {"done", "failed", "canceled"}) else None

    return await until(reached, 60)


async def accessions(service, id_):
    return (await service.get(f"/retrievals/{id_}/accessions"))["items"]


async def test_studies_come_by_c_get_and_one_that_fails_fails_alone(serving, other):
    async with serving(series_closed_quiet_s=0.1) as service:
        await add_source(service, other.port)
        id_ = await fetch(service, "A1", "UNKNOWN", accession_text="A2\n\nA2;A1")
        found = await ended(service, id_)
        assert (found["state"], found["total"]) == ("failed", 3)
        assert (found["done"], found["failed"], found["instances"]) == (2, 1, 6)
        one, unknown, two = await accessions(service, id_)
        assert (one["state"], one["retrieved"], len(one["series"])) == ("done", 4, 2)
        assert unknown["reason"] == "The source has no study with this accession number."
        assert two["series"][0]["instances"] == two["series"][0]["retrieved"] == 2
        assert {row["series_instance_uid"] for row in await service.get("/series")} == {
            f"{ROOT}.1.1", f"{ROOT}.1.2", f"{ROOT}.2.1"
        }  # fmt: skip

        async def complete():
            return all(row["complete"] for row in await service.get("/series"))

        await until(complete)  # and so cases and rules follow
        journal = [event["type"] for event in await service.get(f"/journal?subject={id_}")]
        assert journal == [
            "retrieval.started", "retrieval.progress", "retrieval.progress", "retrieval.failed"
        ]  # fmt: skip
        assert not list((service.wiring.lake.root / "dicom" / "retrievals").rglob("*.dcm"))


async def test_only_the_series_that_a_filter_asks_for_come(serving, other):
    async with serving() as service:
        await add_source(service, other.port)
        wanted = {"series_descriptions": ["t2 [A]"], "study_descriptions": ["h*"]}
        id_ = await fetch(service, "A1", "A2", filter=wanted)
        found = await ended(service, id_)
        assert (found["done"], found["failed"], found["instances"]) == (1, 1, 2)
        one, two = await accessions(service, id_)
        assert [series["series_description"] for series in one["series"]] == ["T2 [a]"]
        assert two["reason"] == "None of its 1 series is what the filter asks for."
        wanted = {"modalities": ["CT"], "study_date_from": "2025-01-01"}
        wanted["study_date_to"] = "2025-01-01"
        answer = await service.user.post(
            f"{URL}/search", json={"source": "old", "accession_text": "A2,A3", "filter": wanted}
        )
        assert answer.status_code == 200, answer.text
        assert [len(one["series"]) for one in answer.json()] == [0, 1]


async def test_what_failed_alone_is_fetched_again(serving, other, migrated_url):
    async with serving(database_url=migrated_url) as service:
        await add_source(service, other.port)
        id_ = await fetch(service, "A2", "A9")
        assert (await ended(service, id_))["state"] == "failed"
        await other.add(study(9))
        path = f"{URL}/{id_}/retry"
        assert (await service.user.post(path)).status_code == 200
        found = await ended(service, id_)
        assert (found["state"], found["done"], found["instances"]) == ("done", 2, 4)
        one, two = await accessions(service, id_)
        assert (one["attempt"], two["attempt"], two["reason"]) == (1, 2, "")
        assert (await service.user.post(path)).status_code == 409


async def test_what_is_fetched_leaves_the_last_of_the_disk_to_who_sends(
    serving, other, monkeypatch
):
    async with serving() as service:
        await add_source(service, other.port)
        room = [service.wiring.settings.dicom_min_free_bytes - 1]

        async def free_bytes(_lake):
            return room[0]

        monkeypatch.setattr(LocalLake, "free_bytes", free_bytes)
        id_ = await fetch(service, "A2")
        found = await service.get(f"/retrievals/{id_}")
        assert (found["state"], found["queued"]) == ("running", 1)
        assert found["waits_for"] == "Room on the disk: too little is left for more images."
        room[0] += 1
        await add_source(service, other.port, name="wakes the desk")
        assert (await ended(service, id_))["state"] == "done"


async def test_a_study_under_way_stops_when_the_disk_runs_full(serving, other, monkeypatch):
    async with serving() as service:
        await add_source(service, other.port)
        total = service.wiring.settings.dicom_min_free_bytes
        monkeypatch.setattr(inbox, "look", lambda _: Room(total, total - 1))
        id_ = await fetch(service, "A2")
        assert (await ended(service, id_))["state"] == "failed"
        (one,) = await accessions(service, id_)
        assert "too little room is left" in one["reason"]
        assert await service.get("/series") == []


async def test_a_list_waits_while_it_is_paused_and_ends_when_it_is_canceled(serving, other):
    async with serving() as service:
        await add_source(service, other.port)
        id_ = await fetch(service, *(f"X{n}" for n in range(200)))
        assert (await service.user.post(f"{URL}/{id_}/pause")).json()["state"] == "paused"

        async def quiet():
            return (await service.get(f"/retrievals/{id_}"))["running"] == 0

        await until(quiet)
        before = await service.get(f"/retrievals/{id_}")
        assert before["queued"] > 0
        assert before["waits_for"] == "Somebody to resume it."
        assert (await service.user.post(f"{URL}/{id_}/resume")).json()["state"] == "running"

        async def more():
            return (await service.get(f"/retrievals/{id_}"))["queued"] < before["queued"]

        await until(more)
        canceled = (await service.user.post(f"{URL}/{id_}/cancel")).json()
        assert (canceled["state"], canceled["queued"], canceled["running"]) == ("canceled", 0, 0)
        assert canceled["canceled"] > 0


async def test_images_move_where_a_source_has_no_c_get(serving, other):
    """Our own node knows us as a target: it may send there."""
    port = a_port()
    async with serving(dicom_port=port, dicom_ae_title="CTRL") as service:
        await add_source(service, other.port)
        await other.add_target("ctrl", port, "CTRL")
        id_ = await fetch(service, "A1", method="c-move")
        found = await ended(service, id_)
        assert (found["state"], found["instances"]) == ("done", 4), await accessions(service, id_)
        assert len(await service.get("/series")) == 2


async def test_studies_are_delivered_into_a_folder_instead(serving, other, tmp_path):
    folder = tmp_path / "research"
    folder.mkdir()
    async with serving() as service:
        await add_source(service, other.port)
        body = {"name": "research", "target_type": "folder", "folder": str(folder)}
        assert (await service.user.post(f"{WORKFLOW}/targets", json=body)).status_code == 201
        id_ = await fetch(service, "A1", "A2", destination="research")
        found = await ended(service, id_)
        assert (found["state"], found["instances"]) == ("done", 6)
        files = sorted(path.relative_to(folder / id_) for path in folder.rglob("*.dcm"))
        assert len(files) == 6
        assert files[0].parts == (f"{ROOT}.1", f"{ROOT}.1.1", f"{ROOT}.1.1.1.dcm")
        await until((folder / id_ / ".complete").exists)
        assert await service.get("/series") == []


async def add_rules(service):
    """One that would discard everything, and one that has to be forced."""
    for name, rule, action in (("all", "True", "discard"), ("mine", "False", "notification")):
        body = {"name": name, "rule": rule, "action": action}
        assert (await service.user.post(f"{WORKFLOW}/rules", json=body)).status_code == 201


async def cases_of(service, count):
    async def there():
        found = await service.get("/cases")
        return found if len(found) >= count else None

    return await until(there)


@pytest.mark.long
@POSTGRESQL_IN_CI
@pytest.mark.parametrize("method", ["auto", "c-move"])
async def test_a_forced_rule_decides_of_what_is_fetched(serving, other, migrated_url, method):
    port = a_port()
    settings = {"series_closed_quiet_s": 0.1, "database_url": migrated_url}
    async with serving(**settings, dicom_port=port, dicom_ae_title="CTRL") as service:
        await add_source(service, other.port)
        await add_rules(service)
        if method == "c-move":
            await other.add_target("ctrl", port, "CTRL")
        id_ = await fetch(service, "A1", forced_rule="mine", method=method)
        found = await ended(service, id_)
        assert (found["state"], found["instances"]) == ("done", 4), await accessions(service, id_)
        cases = await cases_of(service, 2)
        assert [case["rule"] for case in cases] == ["mine", "mine"]


async def test_a_forced_rule_decides_though_the_source_has_not_said_yet_that_it_is_through(
    serving, tmp_path
):
    async with serving(series_quiet_s=3600.0) as service:
        await add_rules(service)
        dataset, other = study(1)[0], study(2)[0]
        place = (dataset.StudyInstanceUID, dataset.SeriesInstanceUID)
        async with transaction(service.wiring.sessions) as session:
            await await_series(session, [place], "mine", utc_now() + timedelta(hours=1))
            gone = (other.StudyInstanceUID, other.SeriesInstanceUID)
            await await_series(session, [gone], "mine", utc_now() - timedelta(hours=1))
        for one in (dataset, other):
            path = tmp_path / f"{one.SOPInstanceUID}.dcm"
            one.save_as(path, enforce_file_format=True)
            await service.wiring.store.store_instance(path, Origin(source="ARCHIVE"))
            series = f"{WORKFLOW}/series/{one.SeriesInstanceUID}/complete"
            assert (await service.user.post(series)).status_code == 200
        newest, first = await cases_of(service, 2)
        assert (first["rule"], newest["rule"]) == ("mine", "all")  # one was asked for, one is late


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"source": "none"}, "source"),
        ({"source": "pushed"}, "source"),
        ({"method": "wado-rs"}, "method"),
        ({"method": "c-move", "destination": "research"}, "method"),
        ({"destination": "old"}, "destination"),
        ({"forced_rule": "none"}, "forced_rule"),
        ({"accession_numbers": ["A*"]}, "accession_numbers"),
        ({"accession_numbers": []}, "accession_numbers"),
    ],
)
async def test_what_cannot_be_fetched_is_refused_at_once(service, tmp_path, changes, field):
    await add_source(service, 104)
    await add_source(service, 104, name="pushed", direction="push")
    folder = {"name": "research", "target_type": "folder", "folder": str(tmp_path / "research")}
    assert (await service.user.post(f"{WORKFLOW}/targets", json=folder)).status_code == 201
    body = {"source": "old", "accession_numbers": ["A1"], **changes}
    answer = await service.user.post(URL, json=body)
    assert answer.status_code == 422
    assert field in answer.text


async def test_a_source_that_is_away_is_told_for_each_study(serving):
    async with serving() as service:
        await add_source(service, a_port())
        found = await ended(service, await fetch(service, "A1", "A2"))
        assert (found["state"], found["failed"]) == ("failed", 2)
        assert "refuses connections" in (await accessions(service, found["id"]))[0]["reason"]


async def test_studies_come_by_wado_rs(serving, tmp_path):
    """The service plays both parts: what is there already comes again as duplicates."""
    async with serving(series_closed_quiet_s=0.1) as service, over_http(service.app) as url:
        for number, dataset in enumerate(study(1, series=2), 1):
            path = tmp_path / f"{number}.dcm"
            dataset.save_as(path, enforce_file_format=True)
            await service.wiring.store.store_instance(path.read_bytes(), Origin(source="TEST"))
        token = service.user.headers["Authorization"].removeprefix("Bearer ")
        body = {"name": "old", "target_type": "dicomweb", "url": f"{url}{WORKFLOW}/dicomweb"}
        body |= {"direction": "both", "access_token": token}
        assert (await service.user.post(f"{WORKFLOW}/targets", json=body)).status_code == 201
        id_ = await fetch(service, "A1", "A5")
        found = await ended(service, id_)
        one, five = await accessions(service, id_)
        assert (one["state"], one["retrieved"], one["reason"]) == ("done", 4, "")
        assert {series["instances"] for series in one["series"]} == {2}
        assert five["reason"] == "The source has no study with this accession number."
        assert found["state"] == "failed"
        body = {**body, "access_token": "wrong"}
        assert (await service.user.put(f"{WORKFLOW}/targets/old", json=body)).status_code == 200
        id_ = await fetch(service, "A1")
        assert (await ended(service, id_))["failed"] == 1
        assert "refuses the login" in (await accessions(service, id_))[0]["reason"]
