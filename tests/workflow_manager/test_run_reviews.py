"""Runs of jobs that begin only when a person has looked at what they work on."""

from effort import POSTGRESQL_IN_CI
from raw_files import Scan
from workflow_service import WORKFLOW, until

from scanhub_libraries.models import UserRole
from workflow_manager.runs.recovery import start_missing_runs
from workflow_manager.runs.steps import RunSteps

SMALL = Scan((16, 16, 1), (160, 160, 400))
SCIENTIST = {"reconstruction": {"role": "scientist"}}


async def review(service, run, decision, *, status=200, headers=None, comment=""):
    path = f"{WORKFLOW}/runs/{run['id']}/review"
    body = {"decision": decision, "comment": comment}
    answer = await service.user.post(path, json=body, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


async def waiting(service, clinic):
    await clinic.change(clinic.job, dag_id="reconstruction")
    await clinic.measure(SMALL)
    await service.deliver(await clinic.event())
    return await service.run_in("waiting", task_id=clinic.job)


@POSTGRESQL_IN_CI
async def test_a_run_begins_when_a_person_of_the_role_has_let_it(
    serving, clinic, headers_of, migrated_url
):
    async with serving(database_url=migrated_url, run_reviews=SCIENTIST) as service:
        run = await waiting(service, clinic)
        assert run["waits_for"] == "Waits for a review by somebody whose role is scientist."
        assert (run["review"]["state"], run["waits_until"]) == ("waiting", None)
        assert [one["status"] for one in await service.get("/all-runs?status=review")] == ["review"]
        assert await service.get("/all-runs?status=waiting&status=failed") == []
        # What looks for runs that were never started leaves it alone.
        assert await start_missing_runs(service.wiring, RunSteps(service.wiring)) == 0
        await review(service, run, "approve", status=403, headers=headers_of(UserRole.MEDICAL))
    async with serving(database_url=migrated_url, run_reviews=SCIENTIST) as service:
        scientist = headers_of(UserRole.SCIENTIST, "ada")
        await review(service, run, "approve", headers=scientist, comment="sharp")
        run = await service.run_in("succeeded", "failed", task_id=clinic.job)
        assert run["status"] == "succeeded", run["error"]
        told = run["review"]
        assert (told["state"], told["decided_by"], told["comment"]) == (
            "approved",
            "user:ada",
            "sharp",
        )
        (event, *_) = await service.get(f"/journal?subject={run['id']}&type=run.queued")
        assert (event["actor"], event["data"]["review"]["state"]) == ("user:ada", "approved")
        assert "sharp" not in str(event)
        await review(service, run, "approve", status=409)


async def test_what_is_rejected_ends_and_is_asked_for_again(serving, clinic):
    async with serving(run_reviews=SCIENTIST) as service:
        run = await waiting(service, clinic)
        await review(service, run, "reject")
        run = await service.run_in("canceled", task_id=clinic.job)
        assert run["error"] == "The review rejected it: user:tester."
        answer = await service.user.post(f"{WORKFLOW}/runs/{run['id']}/retry")
        assert answer.status_code == 200, answer.text
        assert (answer.json()["status"], answer.json()["review"]["state"]) == ("waiting", "waiting")
        await service.user.post(f"{WORKFLOW}/runs/{answer.json()['id']}/cancel")

        async def stopped():
            runs = await service.get(f"/runs?task_id={clinic.job}")
            return [one["status"] for one in runs] == ["canceled", "canceled"]

        await until(stopped)


async def test_at_the_deadline_the_installation_decides(serving, clinic):
    asked = {"role": "medical", "deadline_s": 0.2, "at_deadline": "approve"}
    async with serving(run_reviews={"reconstruction": asked}) as service:
        await clinic.change(clinic.job, dag_id="reconstruction")
        await clinic.measure(SMALL)
        await service.deliver(await clinic.event())
        run = await service.run_in("succeeded", "failed", task_id=clinic.job)
        assert (run["status"], run["review"]["decided_by"]) == ("succeeded", "deadline")
