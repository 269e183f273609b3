"""A series that is complete goes where the rules say, once, and the reason can be read."""

import asyncio
import threading
from contextlib import contextmanager

import pydicom
import pytest
from images import SERIES, write_instance
from raw_files import Scan
from workflow_service import WORKFLOW, a_port, until

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import reading, transaction
from workflow_manager.cases.following import route_series
from workflow_manager.cases.repository import list_due_series
from workflow_manager.cases.times import times_of
from workflow_manager.dicom.entries import Origin
from workflow_manager.dicom.repository import list_series
from workflow_manager.dicom.scp import DicomListener
from workflow_manager.dicom.service import complete
from workflow_manager.journal.service import append
from workflow_manager.routing_rules.repository import list_with_an_instance
from workflow_manager.routing_rules.series_tags import tags_of
from workflow_manager.targets.models import Target

NEVER_QUIET = {"series_quiet_s": 3600.0}
SOON_QUIET = {"series_quiet_s": 0.2}


class Peer:
    """A node that counts what it gets."""

    def __init__(self):
        self.port, self.received = a_port(), []
        self.go_on = threading.Event()
        self.go_on.set()

    def store(self, received):
        file = pydicom.filebase.DicomBytesIO(received.data)
        self.received.append(str(pydicom.dcmread(file).SOPInstanceUID))
        self.go_on.wait(20)
        return 0x0000


@contextmanager
def listening():
    peer = Peer()
    listener = DicomListener(ae_title="PEER", host="127.0.0.1", port=peer.port, handler=peer.store)
    listener.start()
    try:
        yield peer
    finally:
        listener.stop()


@pytest.fixture
def peer():
    with listening() as found:
        yield found


async def add_target(service, name, port, **changes):
    body = {"name": name, "ip": "127.0.0.1", "port": port, "aet_target": "PEER", **changes}
    answer = await service.user.post(f"{WORKFLOW}/targets", json=body)
    assert answer.status_code == 201, answer.text


async def add_rule(service, name="mr", expression="tags.Modality == 'MR'", **options):
    body = {"name": name, "rule": expression, "target": "PACS", **options}
    answer = await service.user.post(f"{WORKFLOW}/rules", json=body)
    assert answer.status_code == 201, answer.text


async def receive(service, folder, *numbers):
    for number in numbers:
        path = write_instance(folder, number)
        await service.wiring.store.store_instance(path, Origin(source="SCANNER"))


async def decided(service, series=SERIES, number=1):
    async def there():
        answer = await service.user.get(f"{WORKFLOW}/series/{series}/decision")
        return answer.json() if answer.status_code == 200 else None

    found = await until(there)
    while found["number"] < number:
        await asyncio.sleep(0.02)
        found = await until(there)
    return found


async def ended(service, count=1):
    async def there():
        rows = await service.get("/dispatches")
        done = [row for row in rows if row["status"] in {"sent", "failed"}]
        return done if len(done) >= count else None

    return await until(there)


@pytest.fixture
async def finished_scan(clinic):
    await clinic.measure(Scan((16, 16, 2), (160, 160, 160)))


async def own_series(service, clinic):
    await service.deliver(await clinic.event())
    await service.run_in("succeeded", task_id=clinic.job)
    (series,) = await service.get(f"/series?task_id={clinic.job}")
    return series["series_instance_uid"]


async def test_without_rules_own_images_go_to_every_enabled_target(
    service, clinic, finished_scan, peer
):
    await add_target(service, "PACS", peer.port)
    await add_target(service, "OFF", peer.port, enabled=False)
    uid = await own_series(service, clinic)
    decision = await decided(service, uid)
    assert (decision["discarded"], decision["targets"], decision["selection"]) == (
        False,
        ["PACS"],
        None,
    )
    (sent,) = await ended(service)
    assert decision["dispatch_ids"] == [sent["id"]]
    journal = [e["type"] for e in await service.get(f"/journal?subject={uid}")]
    assert journal == ["dicom.series.received", "dicom.series.complete"]


async def test_without_rules_received_images_go_nowhere(serving, tmp_path, peer):
    async with serving(**SOON_QUIET) as service:
        await add_target(service, "PACS", peer.port)
        await receive(service, tmp_path, 1)
        assert (await decided(service))["targets"] == []
        assert await service.get("/dispatches") == []


async def test_own_images_go_to_the_targets_of_the_rules_only(service, clinic, finished_scan, peer):
    for name in ("PACS", "OTHER"):
        await add_target(service, name, peer.port)
    await add_rule(service)
    await add_rule(service, "ct", "tags.Modality == 'CT'", target="OTHER")
    uid = await own_series(service, clinic)
    (sent,) = await ended(service)
    assert (sent["target"], sent["status"], sent["sent"]) == ("PACS", "sent", 2)
    decision = await decided(service, uid)
    assert decision["reason"] == "Fired: mr."
    assert decision["rule_versions"] == {"mr": 1, "ct": 1}
    assert [(r["name"], r["outcome"]) for r in decision["selection"]["rules"]] == [
        ("mr", "fired"),
        ("ct", "did_not_fire"),
    ]
    journal = await service.get(f"/journal?subject={uid}")
    assert [e["type"] for e in journal][-1] == "dicom.series.decided"
    assert journal[-1]["data"]["fired"] == ["mr"]
    assert "Müller" not in str(journal)


async def test_a_discarded_series_goes_nowhere_and_its_files_stay(
    service, clinic, finished_scan, peer
):
    await add_target(service, "PACS", peer.port)
    await add_rule(service)
    await add_rule(service, "none", "tags.Modality == 'MR'", action="discard", target=[])
    uid = await own_series(service, clinic)
    decision = await decided(service, uid)
    assert (decision["discarded"], decision["targets"]) == (True, [])
    assert decision["reason"] == "Rule 'none' discards."
    assert await service.get("/dispatches") == []
    instances = await service.get(f"/series/{uid}/instances")
    file = await service.user.get(f"{WORKFLOW}/instances/{instances[0]['sop_instance_uid']}/file")
    assert file.status_code == 200
    assert peer.received == []


async def test_received_images_are_decided_on_when_they_are_quiet(serving, tmp_path, peer):
    async with serving(**SOON_QUIET) as service:
        await add_target(service, "PACS", peer.port)
        await add_rule(service, expression="tags.SenderAET == 'SCANNER' and @SeriesNumber@ == '4'")
        await receive(service, tmp_path, 1, 2, 3)
        (sent,) = await ended(service)
        assert (sent["status"], sent["sent"]) == ("sent", 3)
        assert sorted(peer.received) == [f"{SERIES}.{n}" for n in (1, 2, 3)]


async def test_images_that_come_late_are_decided_on_again_and_sent_alone(serving, tmp_path, peer):
    async with serving(**SOON_QUIET) as service:
        await add_target(service, "PACS", peer.port)
        await add_rule(service)
        await receive(service, tmp_path, 1, 2)
        await ended(service)
        await receive(service, tmp_path, 3)
        assert (await decided(service, number=2))["targets"] == ["PACS"]

        async def all_there():
            (row,) = await service.get("/dispatches")
            return row["status"] == "sent" and row["sent"] == 3

        await until(all_there)
        assert sorted(peer.received) == [f"{SERIES}.{n}" for n in (1, 2, 3)]


async def test_images_that_come_while_their_series_is_sent_are_sent_too(serving, tmp_path, peer):
    async with serving(**SOON_QUIET, dicom_timeout_s=30.0) as service:
        await add_target(service, "PACS", peer.port)
        await add_rule(service)
        peer.go_on.clear()
        await receive(service, tmp_path, 1)
        await until(lambda: peer.received)
        await receive(service, tmp_path, 2)
        await decided(service, number=2)
        assert peer.received == [f"{SERIES}.1"]
        peer.go_on.set()

        async def all_there():
            (row,) = await service.get("/dispatches")
            return row["status"] == "sent" and row["sent"] == 2

        await until(all_there)
        assert peer.received == [f"{SERIES}.1", f"{SERIES}.2"]


async def test_a_rule_whose_target_is_gone_leaves_a_dispatch_that_can_be_sent_again(
    serving, tmp_path, peer
):
    async with serving(**SOON_QUIET) as service:
        await add_target(service, "PACS", peer.port)
        await add_target(service, "OTHER", peer.port)
        await add_rule(service, target=["PACS", "OTHER"])
        refused = await service.user.delete(f"{WORKFLOW}/targets/PACS")
        assert (refused.status_code, refused.json()["rules"]) == (409, ["mr"])
        async with service.wiring.sessions() as session, session.begin():
            await session.delete(await session.get_one(Target, "PACS"))  # as an import would
        await receive(service, tmp_path, 1)
        rows = {row["target"]: row for row in await ended(service, 2)}
        assert (rows["OTHER"]["status"], rows["PACS"]["status"]) == ("sent", "failed")
        assert "There is no target 'PACS'" in rows["PACS"]["error"]
        await add_target(service, "PACS", peer.port)
        retry = await service.user.post(f"{WORKFLOW}/dispatches/{rows['PACS']['id']}/retry")
        assert retry.status_code == 200, retry.text

        async def sent():
            return all(row["status"] == "sent" for row in await service.get("/dispatches"))

        await until(sent)


async def complete_without_starting(service, *, crash=False):
    """Leave what a kill leaves before sending starts, or before the commit."""
    times = times_of(service.wiring.settings)
    async with transaction(service.wiring.sessions) as session:
        due = await list_due_series(
            session, quiet_since=utc_now(), closed_since=utc_now(), limit=10
        )
        for series in due:
            event = complete(series, "quiet")
            following = await route_series(session, series, instances=2, anew=True, times=times)
            await append(session, [event, *following])
        if crash:
            raise ConnectionAbortedError
    return len(due)


async def test_killed_between_decision_and_dispatch_nothing_is_lost_or_doubled(
    serving, tmp_path, peer, database_url
):
    async with serving(database_url=database_url, **NEVER_QUIET) as service:
        await add_target(service, "PACS", peer.port)
        await add_rule(service)
        await receive(service, tmp_path, 1, 2)
        assert await complete_without_starting(service) == 1
        assert await complete_without_starting(service) == 0
        assert peer.received == []
    async with serving(database_url=database_url, **NEVER_QUIET) as service:
        (sent,) = await ended(service)
        assert (sent["status"], sent["attempt"]) == ("sent", 1)
        assert sorted(peer.received) == [f"{SERIES}.{n}" for n in (1, 2)]
        journal = [e["type"] for e in await service.get(f"/journal?subject={SERIES}")]
        assert journal.count("dicom.series.decided") == 1


async def test_a_crash_before_the_commit_leaves_the_series_to_be_decided_on(
    serving, tmp_path, database_url
):
    async with serving(database_url=database_url, **NEVER_QUIET) as service:
        await add_target(service, "PACS", a_port())
        await add_rule(service)
        await receive(service, tmp_path, 1)

        with pytest.raises(ConnectionAbortedError):
            await complete_without_starting(service, crash=True)
        assert await service.get("/dispatches") == await service.get("/cases") == []
        assert await complete_without_starting(service) == 1
        assert (await decided(service))["number"] == 1


async def test_repeating_the_end_of_a_run_repeats_no_decision(service, clinic, finished_scan, peer):
    await add_target(service, "PACS", peer.port)
    await add_rule(service)
    uid = await own_series(service, clinic)
    await ended(service)
    answer = await service.user.put(
        f"{WORKFLOW}/rules/mr", json={"name": "mr", "rule": "True", "action": "discard"}
    )
    assert answer.status_code == 200
    async with service.wiring.sessions() as session, session.begin():
        ((series, count),) = await list_series(session, series_instance_uid=uid)
        times = times_of(service.wiring.settings)
        again = await route_series(session, series, instances=count, anew=False, times=times)
    assert again == []
    assert (await decided(service, uid))["targets"] == ["PACS"]


async def test_a_series_that_is_not_complete_has_no_decision(serving, tmp_path):
    async with serving(**NEVER_QUIET) as service:
        await receive(service, tmp_path, 1)
        for uid in (SERIES, "1.2.3"):
            answer = await service.user.get(f"{WORKFLOW}/series/{uid}/decision")
            assert answer.status_code == 404


async def test_a_draft_is_tried_on_the_series_received_last(serving, tmp_path):
    async with serving(**NEVER_QUIET) as service:
        await receive(service, tmp_path, 1, 2)
        other = write_instance(tmp_path / "other", 1, series="1.2.3.4")
        await service.wiring.store.store_instance(other, Origin(source="SCANNER"))
        draft = {"rule": "tags.SeriesInstanceUID == '1.2.3.4' and tags.StationName == ''"}
        answer = await service.user.post(f"{WORKFLOW}/rules/dry-run", json=draft)
        assert [(r["series_instance_uid"], r["result"]["triggered"]) for r in answer.json()] == [
            ("1.2.3.4", True),
            (SERIES, False),
        ]
        newest = await service.user.post(f"{WORKFLOW}/rules/dry-run", json={**draft, "series": 1})
        assert len(newest.json()) == 1
        assert await service.get("/dispatches") == []


async def test_tags_are_texts_as_in_the_file(serving, tmp_path):
    dataset = pydicom.dcmread(write_instance(tmp_path, 1))
    dataset.SliceThickness, dataset.ImageType = "3", ["ORIGINAL", "PRIMARY"]
    dataset.RepetitionTime, dataset.ContrastBolusAgent = "12.5", None
    dataset.save_as(tmp_path / "1.dcm")
    async with serving(**NEVER_QUIET) as service:
        origin = Origin(source="SCANNER", receiver_aet="HERE", sender_address="10.0.0.7")
        await service.wiring.store.store_instance(tmp_path / "1.dcm", origin)
        async with reading(service.wiring.sessions) as session:
            ((series, instance),) = await list_with_an_instance(session)
    tags = tags_of(series, instance)
    assert (tags["SliceThickness"], tags["RepetitionTime"]) == ("3", "12.5")
    assert tags["ImageType"] == "ORIGINAL\\PRIMARY"
    assert (tags["SeriesNumber"], tags["ContrastBolusAgent"]) == ("4", "")
    assert (tags["SenderAET"], tags["SOPInstanceUID"]) == ("SCANNER", f"{SERIES}.1")
    assert (tags["ReceiverAET"], tags["SenderAddress"]) == ("HERE", "10.0.0.7")
    assert "mercureForceRule" not in tags
