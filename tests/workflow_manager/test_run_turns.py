"""When runs are computed: by priority, in off-peak hours, by a deadline; and when not at all."""

from datetime import UTC, datetime, timedelta

import pytest
from raw_files import Scan
from wire import away
from workflow_service import WORKFLOW, until

from scanhub_libraries.clock import utc_now
from scanhub_libraries.errors import UnprocessableError
from scanhub_libraries.models.run import RunTurn
from workflow_manager.dispatch.rules import Priority
from workflow_manager.runs.rules import Turn, rank_of, turn_of

SMALL = Scan((16, 16, 1), (160, 160, 400))
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def hours(begins_in_h, ends_in_h):
    """Off-peak hours, from now on."""
    now = utc_now()
    start, end = (now + timedelta(hours=each) for each in (begins_in_h, ends_in_h))
    return {"offpeak_start": f"{start:%H:%M}", "offpeak_end": f"{end:%H:%M}"}


CLOSED, OPEN = (3, 6), (-3, 6)


async def start(service, task_id, status=200, **wanted):
    answer = await service.user.post(f"{WORKFLOW}/trigger_task/{task_id}/", json=wanted)
    assert answer.status_code == status, answer.text
    return answer.json()


async def pause(service, *, on=True):
    path = f"{WORKFLOW}/queues/recon/{'pause' if on else 'resume'}"
    assert (await service.user.post(path)).is_success


async def another_job(clinic, source, name="Another"):
    body = {
        "name": name,
        "task_type": "DAG",
        "dag_type": "RECONSTRUCTION",
        "dag_id": "cartesian_reconstruction",
        "input_task_ids": [str(source)],
        "workflow_id": str(clinic.workflow_id),
    }
    return await clinic._new("/api/v1/exam/task/new", body)


async def give_up_scan(clinic, reason="The patient moved.", status="ERROR"):
    """A device takes the scan and gives it back."""
    claim_id, path = str(clinic.scan), f"/api/v1/exam/task/{clinic.scan}"
    claim = {"claim_id": claim_id, "device_id": claim_id}
    await clinic.call("POST", f"{path}/claim", clinic.service, json=claim)
    body = {"claim_id": claim_id, "status": status, "reason": reason}
    await clinic.call("POST", f"{path}/release", clinic.service, json=body)
    return await clinic.event("exam.task.failed" if status == "ERROR" else "exam.task.canceled")


# --- priority -------------------------------------------------------------------------------------


def test_what_is_urgent_goes_before_what_came_up_to_an_hour_earlier_and_no_more():
    urgent = rank_of(Priority.URGENT, NOON)
    assert urgent < rank_of(Priority.NORMAL, NOON - timedelta(minutes=59))
    assert urgent > rank_of(Priority.NORMAL, NOON - timedelta(minutes=61))
    assert rank_of(Priority.OFFPEAK, NOON) == rank_of(Priority.NORMAL, NOON)
    assert rank_of(Priority.URGENT, datetime(2019, 1, 1, tzinfo=UTC)) == 1
    assert rank_of(Priority.NORMAL, datetime(2080, 1, 1, tzinfo=UTC)) < 2**31


def test_what_nobody_asks_for_is_as_usual():
    wanted = turn_of(RunTurn(), NOON, usual=Priority.URGENT, deadline_s=60)
    assert wanted == Turn(Priority.URGENT, NOON + timedelta(minutes=1))
    asked = RunTurn(priority="offpeak", deadline_at=NOON + timedelta(hours=9))
    assert turn_of(asked, NOON, deadline_s=60) == Turn(Priority.OFFPEAK, asked.deadline_at)
    with pytest.raises(UnprocessableError, match="2026-11-22 12:00:00 UTC, is over"):
        turn_of(RunTurn(deadline_at=NOON), NOON)


async def test_the_urgent_run_is_computed_before_those_that_wait(service, clinic, crashing_job):
    await clinic.measure(SMALL)
    urgent = await another_job(clinic, clinic.scan)
    await pause(service)
    await start(service, clinic.job)
    await start(service, urgent, priority="urgent")
    await pause(service, on=False)
    normal = await service.run_in("failed", task_id=clinic.job)
    first = await service.run_in("failed", task_id=urgent)
    assert (first["priority"], normal["priority"]) == ("urgent", "normal")
    assert first["started_at"] < normal["started_at"]
    assert normal["failure"] == {"kind": "crash", "exit_code": 3, "may_help": True}


async def test_priorities_of_runs_that_begin_by_themselves_are_a_setting(serving, clinic):
    await clinic.measure(SMALL)
    usual = {"cartesian_reconstruction": "offpeak"}
    async with serving(run_priorities=usual, run_deadline_s=900.0, **hours(*CLOSED)) as service:
        await service.deliver(await clinic.event())
        run = await service.run_in("waiting", task_id=clinic.job)
        assert (run["priority"], run["waits_for"]) == ("offpeak", "Waits for off-peak hours.")
        assert run["waits_until"][11:16] == service.wiring.settings.offpeak_start
        created, deadline = (datetime.fromisoformat(run[n]) for n in ("created_at", "deadline_at"))
        assert timedelta(minutes=14) < deadline - created < timedelta(minutes=16)
        (told,) = await service.get(f"/journal?subject={run['id']}")
        assert told["type"] == "run.waiting"
        until_then = [datetime.fromisoformat(each["waits_until"]) for each in (told["data"], run)]
        assert until_then[0] == until_then[1]
        assert (await service.get("/queues"))[0]["waiting"] == 1
        answer = await service.user.post(f"{WORKFLOW}/runs/{run['id']}/cancel")
        assert answer.is_success
        await service.run_in("canceled", task_id=clinic.job)


async def test_what_off_peak_hours_ended_upon_waits_for_the_next_ones(serving, clinic):
    await clinic.measure(SMALL)
    async with serving(**hours(*OPEN)) as service:
        await pause(service)
        await start(service, clinic.job, priority="offpeak")
        run = await service.run_in("queued", task_id=clinic.job)
        assert run["waits_for"] == "Waits for its turn."
    async with serving(**hours(*CLOSED)) as service:
        await pause(service, on=False)
        run = await service.run_in("waiting", task_id=clinic.job)
        assert run["waits_until"][11:16] == service.wiring.settings.offpeak_start
        assert (await service.user.post(f"{WORKFLOW}/stop_task/{clinic.job}/")).json()["sent"]
        await service.run_in("canceled", task_id=clinic.job)
        again = await service.user.post(
            f"{WORKFLOW}/runs/{run['id']}/retry", json={"priority": "urgent"}
        )
        assert (again.json()["priority"], again.json()["retry_of"]) == ("urgent", run["id"])
        await service.run_in("succeeded", task_id=clinic.job)


async def test_a_run_says_that_it_waits_for_exam_manager_and_until_when(service, clinic, wire):
    await clinic.measure(SMALL)
    wire.disturb(away, "/claim$")
    await start(service, clinic.job)
    run = await service.run_in("waiting", task_id=clinic.job)
    assert run["waits_for"].startswith("exam-manager is away: ")
    assert run["waits_until"] > run["created_at"]
    wire.mend()
    run = await service.run_in("succeeded", task_id=clinic.job)
    assert (run["waits_for"], run["waits_until"]) == (None, None)


# --- deadlines ------------------------------------------------------------------------------------


def soon(seconds=0.3):
    return (utc_now() + timedelta(seconds=seconds)).isoformat()


async def test_what_waits_longer_than_its_deadline_has_timed_out(service, clinic):
    await clinic.measure(SMALL)
    await pause(service)
    await start(service, clinic.job, deadline_at=soon())
    run = await service.run_in("timed_out", task_id=clinic.job)
    assert run["error"].startswith("It was not computed by its deadline, 20")
    assert run["failure"] == {"kind": "deadline", "exit_code": None, "may_help": True}
    (told,) = [e for e in await service.get("/journal") if e["type"] == "run.failed"]
    assert (told["subject"], told["data"]["status"]) == (run["id"], "timed_out")


async def test_what_computes_longer_than_its_deadline_is_killed(service, clinic, slow_job):
    await clinic.measure(SMALL)
    await start(service, clinic.job, deadline_at=soon(1.5))
    run = await service.run_in("timed_out", task_id=clinic.job)
    assert ("its deadline" in run["error"], run["failure"]["kind"]) == (True, "deadline")
    pid = slow_job.pid()
    await until(lambda: pid is None or not slow_job.alive(pid))


async def test_a_deadline_that_is_over_and_a_priority_of_a_scan_are_refused(service, clinic):
    await clinic.measure(SMALL)
    problem = await start(service, clinic.job, 422, deadline_at="2020-01-01T00:00:00Z")
    assert (problem["field"], await service.get("/runs")) == ("deadline_at", [])
    problem = await start(service, clinic.scan, 422, priority="urgent")
    assert problem["field"] == "priority"


# --- skipped --------------------------------------------------------------------------------------


async def test_what_has_nothing_to_work_on_is_skipped_and_so_is_what_follows(service, clinic):
    follows = await another_job(clinic, clinic.job, "Follows")
    failed = await give_up_scan(clinic)
    await service.deliver(failed)
    run = await service.run_in("skipped", task_id=clinic.job)
    assert run["error"] == "Its input 'GRE' failed: The patient moved."
    assert (run["ended_at"] is not None, run["failure"], run["inputs"]) == (True, None, [])
    next_one = await service.run_in("skipped", task_id=follows)
    assert next_one["error"] == "Its input 'Reconstruction' was skipped."
    assert (await clinic.task(clinic.job))["status"] == "NEW"
    journal = await service.get("/journal?type=run.skipped")
    assert [entry["subject"] for entry in journal] == [run["id"], next_one["id"]]
    refused = await service.user.post(f"{WORKFLOW}/runs/{run['id']}/retry")
    assert refused.status_code == 409
    assert "has no raw data yet" in refused.json()["detail"]


async def test_what_was_skipped_is_computed_once_its_input_is_there(service, clinic):
    await service.deliver(await give_up_scan(clinic, "Stopped.", "CANCELED"))
    skipped = await service.run_in("skipped", task_id=clinic.job)
    assert skipped["error"] == "Its input 'GRE' was stopped."
    await clinic.measure(SMALL)
    again = await service.user.post(f"{WORKFLOW}/runs/{skipped['id']}/retry")
    assert (again.status_code, again.json()["retry_of"]) == (200, skipped["id"])
    run = await service.run_in("succeeded", task_id=clinic.job)
    assert run["attempt"] == 2


async def test_an_event_that_is_read_late_skips_nothing(service, clinic):
    failed = await give_up_scan(clinic)
    await clinic.measure(SMALL)
    await service.deliver(failed, await clinic.event())
    run = await service.run_in("succeeded", task_id=clinic.job)
    assert [each["id"] for each in await service.get("/runs")] == [run["id"]]


async def test_a_run_whose_data_were_deleted_before_it_began_is_skipped(service, clinic):
    result_id = await clinic.measure(SMALL)
    await pause(service)
    await start(service, clinic.job)
    await clinic.client.delete(f"/api/v1/exam/result/{result_id}", headers=clinic.headers)
    await pause(service, on=False)
    run = await service.run_in("skipped", "failed", "succeeded", task_id=clinic.job)
    assert run["error"] == "The data of its input 'GRE' were deleted."
    assert (await clinic.task(clinic.job))["status"] == "UPDATED"
