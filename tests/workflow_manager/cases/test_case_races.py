"""What happens at the same time, or is cut off in between: one case, one dispatch, every image."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from images import write_instance
from outside_killed import Outside
from workflow_service import WORKFLOW, a_port, over_http, until

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import reading
from workflow_manager.cases.keeper import CaseKeeper
from workflow_manager.cases.repository import list_due_series
from workflow_manager.dicom.scu import Peer, send_series
from workflow_manager.routing_rules.decisions import consider

pytestmark = pytest.mark.timeout(240)
NEVER = {"series_quiet_s": 3600.0}
STUDY = {"action_trigger": "study"}


async def looked_at(service):
    """Return the series that are quiet by now, and what the rules say of them."""
    async with reading(service.wiring.sessions) as session:
        now = utc_now() + timedelta(seconds=1)
        due = await list_due_series(session, quiet_since=now, closed_since=now, limit=20)
        return due, await consider(session, [series.id for series in due])


async def test_an_image_that_comes_while_rules_are_evaluated_keeps_its_series_open(
    serving, ward_of, migrated_url
):
    async with serving(database_url=migrated_url, **NEVER) as service:
        ward, keeper = ward_of(service), CaseKeeper(service.wiring)
        await ward.add_rule("tell", action="notification", target=[])
        await ward.receive("1.1", 1)
        await ward.receive("1.2", 1)
        seen = await looked_at(service)
        await ward.receive("1.1", 2)
        assert await keeper.commit(*seen) == 1
        cases = await service.get("/cases")
        assert [case["series_instance_uids"] for case in cases] == [["1.2"]]
        assert await keeper.commit(*await looked_at(service)) == 1
        case = await ward.case("done", series_instance_uid="1.1")
        whole = await service.get(f"/cases/{case['id']}")
        assert [series["instances"] for series in whole["series"]] == [2]


async def test_who_looks_twice_at_the_same_time_makes_one_case(serving, ward_of, migrated_url):
    async with serving(database_url=migrated_url, **NEVER) as service:
        ward = ward_of(service)
        await ward.add_rule("tell", action="notification", target=[])
        await ward.add_rule("study", action="notification", target=[], **STUDY)
        for series in ("1.1", "1.2", "1.3"):
            await ward.receive(series, 1)
        seen = await looked_at(service)
        keepers = [CaseKeeper(service.wiring) for _ in range(4)]
        done = await asyncio.gather(*(keeper.commit(*seen) for keeper in keepers))
        assert sum(done) == 3
        assert len(await service.get("/cases?rule=tell&state=done")) == 3
        (study,) = await service.get("/cases?rule=study")
        assert study["series_instance_uids"] == ["1.1", "1.2", "1.3"]


async def test_series_that_join_a_study_at_once_from_all_sides_are_in_one_case(
    serving, ward_of, migrated_url
):
    """Mercure lost a series when its study was locked by another router."""
    async with serving(database_url=migrated_url, **NEVER) as service:
        ward = ward_of(service)
        await ward.add_rule("study", action="notification", target=[], **STUDY)
        names = [f"1.{number}" for number in range(1, 7)]
        for series in names:
            await ward.receive(series, 1)
        await asyncio.gather(*(ward.post(f"/series/{name}/complete") for name in names))
        (study,) = await service.get("/cases?rule=study")
        assert sorted(study["series_instance_uids"]) == names
        assert study["state"] == "waiting"
        await ward.post(f"/cases/{study['id']}/complete")
        assert (await ward.case("done", rule="study"))["number"] == 1


async def test_a_study_whose_rule_was_deleted_goes_on_by_the_rule_as_it_was(serving, ward_of, node):
    """In mercure the task of a deleted rule was never run, and nobody was told."""
    async with serving(series_quiet_s=0.2, study_complete_s=1.5) as service:
        ward = ward_of(service)
        await ward.add_target("PACS", node.port)
        await ward.add_rule("study", **STUDY)
        await ward.receive("1.1", 1)
        await ward.case("waiting", rule="study")
        assert (await service.user.delete(f"{WORKFLOW}/rules/study")).status_code == 204
        await ward.case("done", rule="study")
        assert node.received == ["1.1.1"]


@pytest.fixture
def outside(tmp_path, clinic, keys, signer, headers_of, *, make_settings):
    found = Outside(tmp_path, clinic, keys, signer, headers_of)
    found.dicom_port = a_port()
    found.environment |= {
        "SCANHUB_WORKFLOW_DICOM_PORT": str(found.dicom_port),
        "SCANHUB_WORKFLOW_SERIES_CLOSED_QUIET_S": "0.2",
        "SCANHUB_WORKFLOW_SERIES_QUIET_S": "2",
        "SCANHUB_WORKFLOW_STUDY_COMPLETE_S": "0.5",
    }
    return found


@pytest.mark.parametrize(
    "delay_s",
    [pytest.param(0.0, marks=pytest.mark.long), 0.4, pytest.param(0.8, marks=pytest.mark.long)],
)
async def test_killed_while_a_study_becomes_complete(outside, wire, node, delay_s):
    async def post(path, body):
        async with httpx.AsyncClient(headers=outside._user) as client:
            answer = await client.post(f"{outside.url}{path}", json=body)
            assert answer.status_code == 201, answer.text

    async with over_http(wire) as url:
        await outside.start(url)
        target = {"name": "PACS", "ip": "127.0.0.1", "port": node.port, "aet_target": "PEER"}
        await post("/targets", target)
        await post("/rules", {"name": "study", "rule": "True", "target": "PACS", **STUDY})
        for series in ("1.1", "1.2"):
            files = [
                write_instance(outside.folder / "sent" / series, n, series=series)
                for n in (1, 2, 3)
            ]
            peer = Peer("127.0.0.1", outside.dicom_port, "SCANHUB", "SCANNER", 5.0, 10.0)
            report = await asyncio.to_thread(send_series, [(str(f), f) for f in files], peer)
            assert not report.failed
        await asyncio.sleep(delay_s)
        outside.kill()
        await outside.wait()
        await outside.start(url)

        async def done():
            cases = await outside.get("/cases")
            return cases and all(case["state"] == "done" for case in cases) and cases

        cases = await until(done, 120)
        sent = await outside.get("/dispatches")
        outside.process.terminate()
        await outside.wait()
    assert sorted(uid for case in cases for uid in case["series_instance_uids"]) == ["1.1", "1.2"]
    assert [(row["status"], row["sent"]) for row in sent] == [("sent", 3)] * 2
    assert set(node.received) == {f"1.{s}.{n}" for s in (1, 2) for n in (1, 2, 3)}


@pytest.mark.long
async def test_two_services_on_one_database_make_one_case_and_send_once(
    serving, ward_of, node, *, outside, wire, make_postgresql_url, copied_postgresql
):
    database, engine = copied_postgresql("workflow_manager"), make_postgresql_url()
    outside.environment |= {
        "TEST_DATABASE": database,
        "TEST_ENGINE": engine,
        "SCANHUB_WORKFLOW_SERIES_QUIET_S": "1.5",
        "SCANHUB_WORKFLOW_STUDY_COMPLETE_S": "3",
        "SCANHUB_WORKFLOW_EXECUTOR_ID": "other",
    }
    # No pause between two images is so long, also where somebody else takes the processors.
    times = {"series_quiet_s": 1.5, "study_complete_s": 3.0}
    async with (
        over_http(wire) as url,
        serving(database_url=database, engine_database_url=engine, **times) as service,
    ):
        await outside.start(url)
        ward = ward_of(service)
        await ward.add_target("PACS", node.port)
        await ward.add_rule("study", **STUDY)
        await ward.add_rule("each")
        for series in ("1.1", "1.2", "1.3"):
            await ward.receive(series, 1, 2)

        async def all_done():
            cases = await service.get("/cases")
            ended = len(cases) >= 4 and all(case["state"] == "done" for case in cases)
            return cases if ended else None

        cases = await until(all_done, 60)
        outside.process.terminate()
        await outside.wait()
    by_rule = [(c["rule"], uid, c["number"]) for c in cases for uid in c["series_instance_uids"]]
    names = ("1.1", "1.2", "1.3")
    assert sorted(by_rule)[:3] == [("each", uid, 1) for uid in names]
    assert sorted(uid for rule, uid, _ in by_rule if rule == "study") == list(names)
    assert sorted(node.received) == [f"{uid}.{n}" for uid in names for n in (1, 2)]
