"""Queues are seen, paused in every process, and go on; who serves them is seen too."""

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import ValidationError
from raw_files import Scan
from workflow_service import WORKFLOW, until

from scanhub_libraries.models import UserRole
from workflow_manager.engine.names import QUEUE_NAMES

SMALL = Scan((16, 16, 3), (160, 160, 160))


async def queue(service, name):
    return next(found for found in await service.get("/queues") if found["name"] == name)


async def post(service, path, body=None, status=200):
    answer = await service.user.post(f"{WORKFLOW}{path}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


async def test_all_queues_are_served_by_the_one_process_there_is(service):
    queues = await service.get("/queues")
    assert [found["name"] for found in queues] == list(QUEUE_NAMES)
    for found in queues:
        assert (found["served_by"], found["paused"], found["problem"]) == (["main"], None, "")
        assert (found["waiting"], found["running"]) == (0, 0)
    (worker,) = await service.get("/workers")
    assert worker["paused"] == []
    assert (worker["name"], worker["kind"], worker["state"]) == ("main", "server", "running")
    assert (sorted(worker["queues"]), worker["running"]) == (sorted(QUEUE_NAMES), [])


async def test_what_runs_is_seen_with_who_runs_it(service, clinic, slow_job):
    await clinic.measure(SMALL)
    await service.deliver(await clinic.event())
    run = await service.run_in("running", task_id=clinic.job)
    (worker,) = await service.get("/workers")
    (work,) = worker["running"]
    assert (work["queue"], work["kind"], work["key"]) == ("recon", "run", run["id"])
    found = await queue(service, "recon")
    assert (found["waiting"], found["running"]) == (0, 1)
    slow_job.hurry()
    await service.run_in("succeeded", task_id=clinic.job)

    async def nothing_runs():
        return (await service.get("/workers"))[0]["running"] == []

    await until(nothing_runs)


@pytest.mark.long
async def test_a_queue_that_is_paused_begins_nothing_also_after_a_restart(serving, clinic):
    await clinic.measure(SMALL)
    async with serving() as service:
        paused = await post(service, "/queues/recon/pause", {"reason": "The disk is changed"})
        assert (paused["paused_by"], paused["reason"]) == ("user:tester", "The disk is changed")
        again = await post(service, "/queues/recon/pause", {"reason": "Another reason"})
        assert again == paused
        await service.deliver(await clinic.event())
        await service.run_in("queued", task_id=clinic.job)
    async with serving() as service:
        found = await queue(service, "recon")
        assert (found["waiting"], found["paused"]) == (1, paused)
        parts = (await service.get("/health/detail"))["parts"]
        (part,) = (part for part in parts if part["kind"] == "worker")
        assert (part["name"], part["state"]) == ("queue recon", "warning")
        assert part["detail"].endswith("UTC: The disk is changed")
        assert not service.wiring.engine.is_open("recon")
        await post(service, "/queues/recon/resume", status=204)
        await post(service, "/queues/recon/resume", status=204)
        await service.run_in("succeeded", task_id=clinic.job)
        journal = await service.get("/journal?type=queue.paused&type=queue.resumed")
        told = [(entry["type"], entry["subject"], entry["actor"]) for entry in journal]
        assert told == [
            ("queue.paused", "recon", "user:tester"),
            ("queue.resumed", "recon", "user:tester"),
        ]


async def test_a_process_that_is_drained_begins_nothing_until_it_goes_on(serving, clinic):
    await clinic.measure(SMALL)
    async with serving() as service:
        why = {"reason": "It gets more memory"}
        drained = await post(service, "/workers/main/drain", why)
        assert (drained["state"], drained["drain"]["reason"]) == ("draining", why["reason"])
        assert drained["drain"]["drained_by"] == "user:tester"
        again = await post(service, "/workers/main/drain", {"reason": "Another reason"})
        assert again["drain"] == drained["drain"]
        await service.deliver(await clinic.event())
        await service.run_in("queued", task_id=clinic.job)
        found = await queue(service, "recon")
        assert (found["waiting"], found["served_by"]) == (1, [])
        assert found["problem"] == (
            "Nothing of it begins: main is drained. Let it go on, or start another worker."
        )
        assert not service.wiring.engine.is_open("recon")
        working = await post(service, "/workers/main/resume")
        assert (working["state"], working["drain"]) == ("running", None)
        await service.run_in("succeeded", task_id=clinic.job)
        await post(service, "/workers/main/resume")
        journal = await service.get("/journal?type=worker.drained&type=worker.resumed")
        assert [entry["type"] for entry in journal] == ["worker.drained", "worker.resumed"]
        await post(service, "/workers/main/drain")
    async with serving() as service:  # another process of this name
        (worker,) = await service.get("/workers")
        assert (worker["state"], worker["drain"]) == ("running", None)


async def test_there_are_no_other_queues(service):
    for verb in ("pause", "resume"):
        problem = await post(service, f"/queues/nonsense/{verb}", status=404)
        assert "there are recon, modules" in problem["detail"]
    for verb in ("drain", "resume"):
        problem = await post(service, f"/workers/nonsense/{verb}", status=404)
        assert problem["detail"] == "There is no process 'nonsense': there are main."


async def test_who_may_see_and_pause(service, headers_of):
    for role, pauses, sees in ((UserRole.MEDICAL, 403, 403), (UserRole.ENGINEER, 200, 200)):
        headers = headers_of(role)
        path = f"{WORKFLOW}/queues/recon/pause"
        assert (await service.user.post(path, headers=headers)).status_code == pauses
        assert (await service.user.get(f"{WORKFLOW}/workers", headers=headers)).status_code == sees
        assert (await service.user.get(f"{WORKFLOW}/queues", headers=headers)).status_code == 200


async def test_prometheus_is_told(service):
    await post(service, "/queues/modules/pause")
    text = (await service.user.get(f"{WORKFLOW}/metrics")).text
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert found["scanhub_queue_paused", "modules"] == 1
    assert found["scanhub_queue_paused", "recon"] == 0
    assert found["scanhub_queue_workers", "recon"] == 1
    assert found["scanhub_queue_running", "recon"] == found["scanhub_queue_waiting", "recon"] == 0
    assert found["scanhub_worker_up", "main"] == 1
    assert 0 <= found["scanhub_worker_last_sign_seconds", "main"] < 60


def test_with_sqlite_one_process_serves_all_queues(make_settings):
    with pytest.raises(ValidationError, match="with SQLite one process does all the work"):
        make_settings(queues=["recon"])
    with pytest.raises(ValidationError, match="Input should be 'recon'"):
        make_settings(queues=["reconn"])
    assert make_settings().queues is None
