"""Streams of readouts: taken from the device that scans, bounded, gone at the end."""

import asyncio
import hashlib

import pytest
from scanner_lab import DEVICE, reporter
from streaming import path_of, spooled, streaming, told

from device_manager.main import close_streams
from device_manager.streams.rules import Pace

STREAMS = ("ack", "stop", "pause", "stream")
BYTES = hashlib.shake_256(b"readouts").digest(100_000)


@pytest.fixture
async def scanner(lab):
    async with lab.scanner(capabilities=STREAMS) as scanner:
        yield scanner


async def spool_becomes(lab, expected):
    async def look():
        return spooled(lab)

    return await lab.eventually(look, lambda found: found == expected)


async def ending(lab):
    async def look():
        return told(lab, "stream.ended")

    return (await lab.eventually(look, bool))[0]


async def finish(lab, scanner, start):
    """The scan ends as ever: its file counts."""
    verdict = await scanner.upload(start, "data.mrd", BYTES)
    assert verdict["ok"], verdict
    done = await lab.task_becomes(start["id"], "FINISHED")
    assert len(done["results"]) == 1


async def test_what_is_sent_is_there_to_read_at_once_and_gone_at_the_end(lab, scanner):
    start = await lab.started(scanner)
    assert start["stream_url"] == path_of(start)
    async with streaming(lab, start) as stream:
        await stream.send(BYTES[:1000])
        await spool_becomes(lab, {start["acquisition_id"]: 1000})
        await stream.send(BYTES[1000:], b"more")
        await spool_becomes(lab, {start["acquisition_id"]: len(BYTES) + 4})
        (path,) = (lab.lake_root / "streams").iterdir()
        assert path.read_bytes() == BYTES + b"more"
        assert await stream.end() == 204
    await finish(lab, scanner, start)
    await spool_becomes(lab, {})
    ended = await ending(lab)
    assert (ended["whole"], ended["reason"]) == (True, None)
    assert ended["size_bytes"] == len(BYTES) + 4
    (began,) = told(lab, "stream.started")
    assert began["task_id"] == start["id"]
    assert began["acquisition_id"] == start["acquisition_id"]


async def test_only_a_device_that_knows_streams_is_offered_one(lab):
    async with lab.scanner() as scanner:
        assert (await lab.started(scanner)).get("stream_url") is None


async def test_an_installation_may_take_no_streams(make_lab):
    async with make_lab(streaming=False) as lab, lab.scanner(capabilities=STREAMS) as scanner:
        start = await lab.started(scanner)
        assert start.get("stream_url") is None
        async with streaming(lab, start) as stream:
            assert (await stream.answer())[0] == 404


async def test_nobody_else_streams_into_a_scan(lab, scanner):
    start = await lab.started(scanner)
    async with lab.scanner(capabilities=STREAMS) as other:
        theirs = await lab.started(other)
        async with streaming(lab, start, token=theirs["access_token"]) as stream:
            status, problem = await stream.answer()
        assert (status, problem["title"]) == (403, "Forbidden")
    async with streaming(lab, start, token="nonsense") as stream:
        assert (await stream.answer())[0] == 401
    unknown = f"{DEVICE}/acquisitions/00000000-0000-7000-8000-000000000000/stream"
    async with streaming(lab, start, path=unknown) as stream:
        assert (await stream.answer())[0] == 403
    assert (await lab.http.post(path_of(start), content=b"x")).status_code == 403  # a person
    assert spooled(lab) == {}


async def test_a_stream_cannot_be_begun_again(lab, scanner):
    start = await lab.started(scanner)
    async with streaming(lab, start) as stream:
        await stream.send(BYTES)
        await spool_becomes(lab, {start["acquisition_id"]: len(BYTES)})
        async with streaming(lab, start) as second:
            assert (await second.answer())[0] == 409
        assert await stream.end() == 204
    async with streaming(lab, start) as third:
        assert (await third.answer())[0] == 409
    await spool_becomes(lab, {start["acquisition_id"]: len(BYTES)})
    await finish(lab, scanner, start)


async def test_a_stream_that_breaks_costs_the_scan_nothing(lab, scanner):
    start = await lab.started(scanner)
    async with streaming(lab, start) as stream:
        await stream.send(BYTES)
        await spool_becomes(lab, {start["acquisition_id"]: len(BYTES)})
        stream.cut()
    ended = await ending(lab)
    assert (ended["whole"], ended["reason"]) == (False, "the connection of the stream broke")
    assert ended["task_id"] == start["id"]
    await finish(lab, scanner, start)
    await spool_becomes(lab, {})


async def test_a_stream_that_stalls_is_ended(make_lab):
    async with (
        make_lab(stream_idle_seconds=0.2) as lab,
        lab.scanner(capabilities=STREAMS) as scanner,
    ):
        start = await lab.started(scanner)
        async with streaming(lab, start) as stream:
            await stream.send(BYTES)
            status, problem = await stream.answer()
            assert (status, "Nothing came" in problem["detail"]) == (408, True)
        assert "Nothing came" in (await ending(lab))["reason"]
        await finish(lab, scanner, start)


async def test_a_stream_waits_while_its_scan_rests(make_lab):
    async with (
        make_lab(stream_idle_seconds=0.2) as lab,
        lab.scanner(capabilities=STREAMS) as scanner,
    ):
        start = await lab.started(scanner)
        await scanner.say(command="paused", task_id=start["id"])
        await lab.acquisition_becomes(start["id"], "paused")
        async with streaming(lab, start) as stream:
            await stream.send(BYTES)
            with pytest.raises(TimeoutError):
                await stream.answer(seconds=1.0)
            assert await stream.end() == 204


async def test_a_stream_that_is_too_large_is_ended(make_lab):
    async with (
        make_lab(stream_max_bytes=150_000) as lab,
        lab.scanner(capabilities=STREAMS) as scanner,
    ):
        start = await lab.started(scanner)
        async with streaming(lab, start) as stream:
            await stream.send(BYTES)
            await spool_becomes(lab, {start["acquisition_id"]: len(BYTES)})
            await stream.send(BYTES)
            assert (await stream.answer())[0] == 413
        assert spooled(lab)[start["acquisition_id"]] <= 150_000
        await finish(lab, scanner, start)


def test_a_second_of_a_stream_may_come_at_once_and_no_more():
    pace = Pace(100.0, now=0.0)
    assert pace.delay(100, now=10.0) == 0.0
    assert pace.delay(100, now=10.0) == 1.0
    assert pace.delay(50, now=10.5) == 1.0
    assert pace.delay(100, now=60.0) == 0.0


async def test_a_full_lake_takes_no_stream(make_lab):
    async with (
        make_lab(min_free_bytes=1 << 60) as lab,
        lab.scanner(capabilities=STREAMS) as scanner,
    ):
        async with streaming(lab, await lab.started(scanner)) as stream:
            assert (await stream.answer())[0] == 507
        assert spooled(lab) == {}


async def test_a_scan_that_has_ended_takes_no_stream(lab, scanner):
    start = await lab.started(scanner)
    await finish(lab, scanner, start)
    async with streaming(lab, start) as stream:
        assert (await stream.answer())[0] == 410
    assert spooled(lab) == {}


async def test_a_stop_ends_the_stream_too(lab, scanner):
    start = await lab.started(scanner)
    async with streaming(lab, start) as stream:
        await stream.send(BYTES)
        stopping = asyncio.create_task(lab.stop(scanner.device_id))
        await scanner.hear("stop")
        await scanner.say(command="stopped", task_id=start["id"])
        assert (await stopping).json()["confirmed"]
        status, problem = await stream.answer()
        assert (status, "the scan has ended" in problem["detail"]) == (410, True)
    await spool_becomes(lab, {})


async def test_a_stream_that_its_device_ends_on_a_stop_did_not_break(lab, scanner):
    start = await lab.started(scanner)
    async with streaming(lab, start) as stream:
        await stream.send(BYTES)
        await spool_becomes(lab, {start["acquisition_id"]: len(BYTES)})
        stopping = asyncio.create_task(lab.stop(scanner.device_id))
        await scanner.hear("stop")
        stream.cut()
        ended = await ending(lab)
        assert (ended["whole"], ended["reason"]) == (False, "the scan was stopped")
        await scanner.say(command="stopped", task_id=start["id"])
        assert (await stopping).json()["confirmed"]
    await spool_becomes(lab, {})


async def test_a_scan_that_failed_leaves_no_file(lab, scanner):
    start = await lab.started(scanner)
    async with streaming(lab, start) as stream:
        await stream.send(BYTES)
        await spool_becomes(lab, {start["acquisition_id"]: len(BYTES)})
        await scanner.status("ERROR", start, error_message="the coil burns")
        await lab.task_becomes(start["id"], "ERROR")
        assert (await stream.answer())[0] == 410
    await spool_becomes(lab, {})


async def test_a_stream_is_gone_after_a_restart_and_its_scan_goes_on(make_lab):
    async with make_lab(lost_after_seconds=60) as lab:
        credentials = await lab.create_device()
        async with lab.scanner(credentials, capabilities=STREAMS) as scanner:
            start = await lab.started(scanner)
            async with streaming(lab, start) as stream:
                await stream.send(BYTES)
                await spool_becomes(lab, {start["acquisition_id"]: len(BYTES)})
    stray = lab.lake_root / "streams" / "00000000-0000-7000-8000-000000000000.mrdstream"
    stray.write_bytes(b"of an installation that is no more")
    async with make_lab(lost_after_seconds=60) as lab:
        await spool_becomes(lab, {start["acquisition_id"]: len(BYTES)})
        async with lab.scanner(credentials, capabilities=STREAMS, status="BUSY") as scanner:
            await scanner.say(
                command="update_status", status="BUSY", data={"progress": 50}, **reporter(start)
            )
            async with streaming(lab, start) as again:
                assert (await again.answer())[0] == 409
            await finish(lab, scanner, start)
        await spool_becomes(lab, {})


async def test_a_server_that_goes_down_does_not_wait_for_streams(lab, scanner):
    start = await lab.started(scanner)
    async with streaming(lab, start) as stream:
        await stream.send(BYTES)
        await spool_becomes(lab, {start["acquisition_id"]: len(BYTES)})
        await close_streams(lab.app)
        status, problem = await stream.answer()
        assert (status, "going down" in problem["detail"]) == (410, True)
    async with streaming(lab, start) as again:
        assert (await again.answer())[0] == 503
    await finish(lab, scanner, start)
