import asyncio

from structlog.testing import capture_logs

from scanhub_libraries.repeating import Repeating


async def test_work_goes_on_after_a_failure_which_is_told_once():
    rounds: list[int] = []
    done = asyncio.Event()

    async def work():
        rounds.append(len(rounds))
        if len(rounds) in (2, 3):
            raise ValueError("not now")
        if len(rounds) == 5:
            done.set()

    with capture_logs() as told:
        repeating = Repeating("counting", work, 0.001)
        repeating.start()
        await asyncio.wait_for(done.wait(), 30)
        await repeating.stop()
    assert [entry["event"] for entry in told] == [
        "background work fails",
        "background work goes on",
    ]
    assert told[0]["work"] == "counting"
    assert told[0]["exc_info"] is True


async def test_what_was_stopped_does_no_more():
    began, ended = asyncio.Event(), []

    async def work():
        began.set()
        await asyncio.sleep(30)
        ended.append("whole")

    repeating = Repeating("waiting", work, 0.001)
    await repeating.stop()  # never begun: nothing to do
    repeating.start()
    await asyncio.wait_for(began.wait(), 30)
    await repeating.stop()
    assert ended == []
