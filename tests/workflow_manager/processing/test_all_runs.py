"""Runs of exams and of cases in one list; what waits gets another place; chains go on midway."""

from datetime import timedelta

import pytest
from effort import POSTGRESQL_IN_CI
from images import SERIES
from raw_files import Scan
from workflow_service import WORKFLOW

from scanhub_libraries.clock import utc_now

RECEIVED = "tags.SeriesDescription == 'T2'"
"""Not what the reconstruction makes."""
SMALL = Scan((16, 16, 1), (160, 160, 400))
pytestmark = pytest.mark.timeout(240)


async def listed(service, query=""):
    return await service.get(f"/all-runs?{query}")


async def prioritize(service, path, priority, status=200):
    answer = await service.user.post(f"{WORKFLOW}{path}/priority", json={"priority": priority})
    assert answer.status_code == status, answer.text
    return answer.json()


@POSTGRESQL_IN_CI
async def test_runs_of_exams_and_of_cases_are_one_list(working, clinic, migrated_url):
    await clinic.measure(SMALL)
    async with working(database_url=migrated_url) as works:
        service = works.service
        for queue in ("recon", "modules"):
            await works.ward.post(f"/queues/{queue}/pause")
        await works.module("smooth")
        await works.module("grade")
        await works.rule("smooth", "grade", name="smooth-it")
        await service.deliver(await clinic.event())
        of_exam = await service.run_in("queued", task_id=clinic.job)
        await works.series(SERIES, 1)
        of_case = await works.run("queued")

        chain, job = await listed(service)
        assert (chain["kind"], chain["id"]) == ("case", of_case["id"])
        assert (chain["jobs"], chain["at"]) == (["smooth", "grade"], "smooth")
        assert (chain["steps_done"], chain["progress"]) == (0, 0)
        assert (chain["rule"], chain["reason"]) == ("smooth-it", "Waits for a module slot.")
        assert (job["kind"], job["id"], job["task_id"]) == ("exam", of_exam["id"], str(clinic.job))
        assert (job["jobs"], job["reason"]) == (["cartesian_reconstruction"], "Waits for its turn.")
        assert job["requested_by"] == ""

        for query, wanted in {
            "kind=case": [chain],
            "kind=exam": [job],
            "status=queued": [chain, job],
            "status=review&status=skipped": [],
            "job=grade": [chain],
            "job=cartesian_reconstruction": [job],
            f"device_id={clinic.job}": [],
            f"exam_id={of_exam['exam_id']}": [job],
            "rule=smooth-it": [chain],
            "since=2100-01-01T00:00:00Z": [],
            "until=2100-01-01T00:00:00Z": [chain, job],
            "limit=1": [chain],
            f"after={chain['id']}&limit=1": [job],
            f"after={job['id']}": [],
        }.items():
            assert await listed(service, query) == wanted, query


async def test_what_waits_gets_another_place_and_what_has_ended_none(working, clinic):
    await clinic.measure(SMALL)
    async with working() as works:
        service = works.service
        for queue in ("recon", "modules"):
            await works.ward.post(f"/queues/{queue}/pause")
        await works.module("one", "")
        await works.rule("one", expression=RECEIVED)
        await service.deliver(await clinic.event())
        job = f"/runs/{(await service.run_in('queued', task_id=clinic.job))['id']}"
        await works.series(SERIES, 1)
        chain = f"/processing/{(await works.run('queued'))['id']}"
        for path in (job, chain):
            assert (await prioritize(service, path, "urgent"))["priority"] == "urgent"
            assert (await prioritize(service, path, "urgent"))["priority"] == "urgent"
        for kind in ("run", "processing"):
            journal = await service.get(f"/journal?type={kind}.priority")
            assert [entry["data"]["priority"] for entry in journal] == ["urgent"]
            assert journal[0]["actor"] == "user:tester"
        for queue in ("recon", "modules"):
            await service.user.post(f"{WORKFLOW}/queues/{queue}/resume")
        ended = await service.run_in("succeeded", task_id=clinic.job)
        await works.run("succeeded")
        assert (ended["attempt"], len(await listed(service))) == (1, 2)
        for path in (job, chain):
            problem = await prioritize(service, path, "normal", status=409)
            assert "only one that has not begun" in problem["detail"]


async def test_what_waits_for_off_peak_hours_begins_when_it_becomes_normal(working, clinic):
    await clinic.measure(SMALL)
    now = utc_now()
    later = {
        f"offpeak_{name}": f"{now + timedelta(hours=hours):%H:%M}"
        for name, hours in (("start", 3), ("end", 6))
    }
    usual = {"cartesian_reconstruction": "offpeak"}
    async with working(run_priorities=usual, **later) as works:
        service = works.service
        await works.module("one", "")
        await works.rule("one", expression=RECEIVED, priority="offpeak")
        await service.deliver(await clinic.event())
        run = await service.run_in("waiting", task_id=clinic.job)
        await works.series(SERIES, 1)
        chain = await works.run("queued")
        assert run["waits_for"] == chain["reason"] == "Waits for off-peak hours."
        for path in (f"/runs/{run['id']}", f"/processing/{chain['id']}"):
            await prioritize(service, path, "normal")
        await service.run_in("succeeded", task_id=clinic.job)
        await works.run("succeeded")


COUNT = "with open(settings['folder'] + '/order', 'a') as order: order.write('{}')\n"


@pytest.mark.long
async def test_a_chain_goes_on_with_any_step_whose_input_is_there(working, tmp_path):
    async with working() as works:
        for name, end in (("a", ""), ("b", ""), ("c", "raise SystemExit(3)")):
            await works.module(name, COUNT.format(name) + end)
        await works.rule("a", "b", "c", processing_settings={"folder": str(tmp_path)})
        await works.series(SERIES, 1)
        await works.run("failed")
        (case,) = await works.service.get("/cases")

        async def again(number, **wanted):
            await works.ward.post(f"/cases/{case['id']}/processing/retry", wanted)
            return await works.run("failed", number=number)

        second = await again(2)
        assert [step["state"] for step in second["steps"]] == ["reused", "reused", "failed"]
        third = await again(3, step=2)
        assert [step["state"] for step in third["steps"]] == ["reused", "succeeded", "failed"]
        assert third["first_step"] == 2
        fourth = await again(4, step=1)
        assert [step["state"] for step in fourth["steps"]] == ["succeeded", "succeeded", "failed"]
        assert (tmp_path / "order").read_text() == "abc" + "c" + "bc" + "abc"
        problem = await works.ward.post(
            f"/cases/{case['id']}/processing/retry", {"step": 4}, status=422
        )
        assert problem["detail"] == (
            "Step 3 has not been done: begin with it, or with an earlier one."
        )
