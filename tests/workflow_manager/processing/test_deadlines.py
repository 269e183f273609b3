"""Modules of a case that are not done by their deadline have timed out, begun or not."""

from images import SERIES

SLEEPS = "time.sleep(600)"


async def test_a_module_that_runs_at_the_deadline_is_killed(working):
    async with working() as works:
        await works.module("sleeps", SLEEPS)
        await works.module("next")
        await works.rule("sleeps", "next", processing_deadline_s=1.5)
        await works.series(SERIES, 1)
        run = await works.run("timed_out", "failed")
        assert run["reason"].startswith("The modules were not done by their deadline, 20")
        assert run["deadline_at"] > run["created_at"]
        case = await works.ward.case("failed", rule="process")
        assert case["reason"] == run["reason"]
        assert run["steps"][1]["state"] == "canceled"


async def test_modules_that_do_not_begin_in_time_have_timed_out(working):
    async with working() as works:
        await works.module("never")
        await works.ward.post("/queues/modules/pause")
        await works.rule("never", processing_deadline_s=0.3)
        await works.series(SERIES, 1)
        run = await works.run("timed_out")
        assert (run["started_at"], run["steps"][0]["state"]) == (None, "canceled")
        journal = await works.service.get("/journal?type=processing.failed")
        assert [entry["data"]["state"] for entry in journal] == ["timed_out"]
