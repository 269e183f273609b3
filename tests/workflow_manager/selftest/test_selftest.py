"""A self-test goes the real way, says where it ends, and leaves nothing behind."""

import pytest
import sqlalchemy as sa
from test_node import Authority
from workflow_service import WORKFLOW, until

from scanhub_libraries.database import reading, transaction
from scanhub_libraries.models import UserRole
from workflow_manager.cases.models import Case, CaseDispatch, CaseSeries
from workflow_manager.cleaner.models import RemovedFile
from workflow_manager.dicom.models import DicomInstance, DicomSeries, DicomStudy
from workflow_manager.dispatch.models import Dispatch
from workflow_manager.modules.models import Module
from workflow_manager.processing.models import ProcessingRun, ProcessingStep
from workflow_manager.routing_rules.models import SeriesDecision, StoredRule, TemporaryRule
from workflow_manager.selftest.images import write_images
from workflow_manager.selftest.models import SelfTest
from workflow_manager.selftest.raw_data import look_at_images
from workflow_manager.selftest.rules import way_in
from workflow_manager.targets.models import Target

FAST = {"dicom_port": 0, "dicom_min_free_bytes": 0, "series_closed_quiet_s": 0.1}
STEPS = ["prepare", "listener", "send", "index", "complete", "rule", "dispatch", "arrival", "clean"]
TABLES = (
    *(Case, CaseSeries, CaseDispatch, DicomInstance, DicomSeries, DicomStudy, Dispatch),
    *(SeriesDecision, StoredRule, TemporaryRule, Target, RemovedFile),
    *(Module, ProcessingRun, ProcessingStep),
)


async def begin(service, **body):
    answer = await service.user.post(f"{WORKFLOW}/selftests", json=body)
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


async def ended(service, test_id, seconds=60):
    async def over():
        test = await service.get(f"/selftests/{test_id}")
        return test if test["state"] != "running" else None

    return await until(over, seconds)


async def count(service):
    async with reading(service.wiring.sessions) as session:
        return {
            table.__name__: await session.scalar(sa.select(sa.func.count()).select_from(table))
            for table in TABLES
        }


@pytest.mark.parametrize("kind", ["series", "study"])
async def test_synthetic_images_take_the_whole_way_and_nothing_is_left(serving, kind):
    async with serving(**FAST) as service:
        test = await ended(service, await begin(service, kind=kind))
        told = [(step["name"], step["ok"]) for step in test["steps"]]
        assert told == [(name, True) for name in STEPS], test["steps"]
        assert (test["state"], test["started_by"]) == ("passed", "user:tester")
        assert set((await count(service)).values()) == {0}
        lake = service.wiring.lake.root
        assert not list(lake.rglob("*.dcm"))
        assert list((lake / "selftests").iterdir()) == []
        events = await service.get(f"/journal?subject={test['id']}")
        *steps, last = events
        assert [event["data"]["step"] for event in steps] == [
            step["name"] for step in test["steps"]
        ]
        assert {event["type"] for event in steps} == {"selftest.progress"}
        assert last["type"] == "selftest.passed"


async def test_real_rules_and_targets_never_meet_a_self_test(serving, tmp_path):
    async with serving(**FAST) as service:
        (tmp_path / "archive").mkdir()
        folder = {"target_type": "folder", "name": "PACS", "folder": str(tmp_path / "archive")}
        rules = (
            {"name": "all", "rule": "True", "target": "PACS"},
            {"name": "none", "rule": "True", "action": "discard"},
        )
        for path, body in (("/targets", folder), *(("/rules", rule) for rule in rules)):
            answer = await service.user.post(f"{WORKFLOW}{path}", json=body)
            assert answer.status_code == 201, answer.text
        before = await count(service)
        test = await ended(service, await begin(service))
        assert test["state"] == "passed", test["steps"]
        assert list((tmp_path / "archive").iterdir()) == []
        assert await count(service) == before


async def test_the_step_that_failed_says_why(serving):
    async with serving() as service:
        test = await ended(service, await begin(service))
        assert [step["name"] for step in test["steps"]] == ["prepare", "listener", "clean"]
        assert test["state"] == "failed"
        assert "no DICOM listener" in test["steps"][1]["detail"]
        assert set((await count(service)).values()) == {0}
        event = (await service.get(f"/journal?subject={test['id']}"))[-1]
        assert (event["type"], event["data"]["step"]) == ("selftest.failed", "listener")


async def test_a_listener_that_does_not_take_us_is_named(serving):
    async with serving(**FAST, dicom_allowed_networks=("192.0.2.0/24",)) as service:
        test = await ended(service, await begin(service))
        failed = [step for step in test["steps"] if not step["ok"]]
        assert [step["name"] for step in failed] == ["listener"]
        assert "refused the association" in failed[0]["detail"]


async def test_where_there_is_only_tls_the_test_speaks_it(serving, tmp_path):
    authority = Authority(tmp_path)
    server = authority.sign("server")
    tls = {
        "dicom_tls_port": 0,
        "dicom_tls_certificate": server.certificate,
        "dicom_tls_key": server.key,
    }
    async with serving(**{**FAST, "dicom_port": None}, **tls) as service:
        test = await ended(service, await begin(service))
        assert test["state"] == "passed", test["steps"]
        assert "with TLS" in test["steps"][1]["detail"]


@pytest.mark.long
@pytest.mark.timeout(360)
@pytest.mark.parametrize("kind", ["series", "study"])
async def test_a_job_makes_the_images_that_then_take_the_way(serving, kind):
    async with serving(**FAST) as service:
        test = await ended(service, await begin(service, kind=kind, mode="process"), 300)
        told = [(step["name"], step["ok"]) for step in test["steps"]]
        names = [STEPS[0], "process", *STEPS[1:6], "module", *STEPS[6:]]
        assert told == [(name, True) for name in names], test["steps"]
        assert (test["state"], test["mode"]) == ("passed", "process")
        series = 1 if kind == "series" else 2
        said = f"{3 * series} images in {series} series show what was scanned."
        assert test["steps"][1]["detail"] == said
        by_name = {step["name"]: step["detail"] for step in test["steps"]}
        assert by_name["module"] == f"A module made {3 * series} images of {3 * series}."
        assert by_name["arrival"] == f"{3 * series} images arrived with one more in each pixel."
        assert not list((service.wiring.lake.root / "processing").iterdir())
        assert set((await count(service)).values()) == {0}
        assert not list(service.wiring.lake.root.rglob("*.dcm"))


@pytest.mark.timeout(240)
async def test_a_job_that_crashes_is_named_with_its_last_words(serving, crashing_job):
    async with serving(**FAST) as service:
        test = await ended(service, await begin(service, mode="process"), 200)
        assert [step["name"] for step in test["steps"]] == ["prepare", "process", "clean"]
        assert test["state"] == "failed"
        assert "the scanner ate my homework" in test["steps"][1]["detail"]
        assert set((await count(service)).values()) == {0}


def test_images_that_show_something_else_are_noticed(tmp_path):
    write_images(tmp_path, "1.2", ["1.2.3"], "20260102")
    series, images, wrong = look_at_images(tmp_path)
    assert (series, len(images)) == ("1.2.3", 3)
    assert wrong == "An image does not show the square that was scanned."
    next(tmp_path.glob("*.dcm")).unlink()
    assert look_at_images(tmp_path)[2] == "The job made 2 images of 3 slices."


async def test_one_at_a_time(serving):
    async with serving(**FAST) as service:
        test_id = await begin(service)
        answer = await service.user.post(f"{WORKFLOW}/selftests", json={})
        assert answer.status_code == 409
        await ended(service, test_id)
        assert len(await service.get("/selftests")) == 1


async def test_what_a_killed_service_left_is_taken_away_at_the_next_start(serving):
    async with serving(**FAST) as service:
        async with transaction(service.wiring.sessions) as session:
            test = SelfTest(kind="series", study_instance_uid="2.25.1", started_by="user:ann")
            session.add_all(
                (
                    test,
                    TemporaryRule(name=test.name, document={}),
                    Target(name=test.name, target_type="folder", document={}),
                    DicomStudy(study_instance_uid="2.25.1"),
                )
            )
            await session.flush()
            row = DicomSeries(study_instance_uid="2.25.1", series_instance_uid="2.25.2", source="x")
            session.add(row)
        left = service.wiring.lake.root / "selftests" / test.id.hex
        left.mkdir(parents=True)
    async with serving(**FAST) as service:
        assert (await service.get(f"/selftests/{test.id}"))["state"] == "failed"
        assert set((await count(service)).values()) == {0}
        assert not left.exists()


def test_the_way_in_heeds_the_settings():
    given = {"ae_title": "SCANHUB", "called": (), "calling": ()}
    every = "0.0.0.0"  # noqa: S104 - nothing is bound to it
    assert way_in(host=every, port=None, tls_port=None, **given) is None
    way = way_in(host=every, port=11, tls_port=12, **given)
    assert (way.host, way.port, way.tls) == ("127.0.0.1", 11, False)
    given = {"ae_title": "SCANHUB", "called": ("A", "B"), "calling": ("MR1", "MR2")}
    way = way_in(host="::", port=None, tls_port=12, **given)
    assert (way.host, way.port, way.tls) == ("::1", 12, True)
    assert (way.called, way.calling) == ("A", "MR1")


@pytest.mark.parametrize(("role", "status"), [(UserRole.ENGINEER, 202), (UserRole.MEDICAL, 403)])
async def test_engineers_may_begin_one(serving, headers_of, role, status):
    async with serving(dicom_port=None) as service:
        service.user.headers.update(headers_of(role))
        answer = await service.user.post(f"{WORKFLOW}/selftests", json={})
        assert answer.status_code == status
        if status == 202:
            await ended(service, answer.json()["id"])
