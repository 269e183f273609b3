"""Streams of readouts that come by a process that does not hold the link."""

import hashlib

from streaming import spooled, streaming, told

STREAMS = ("ack", "stop", "stream")
BYTES = hashlib.shake_256(b"readouts").digest(200_000)


async def test_a_stream_is_passed_on_to_the_home_of_its_device_as_it_comes(cluster):
    here, there = await cluster.join(), await cluster.join()

    async def spool():
        return spooled(there)

    async with there.scanner(capabilities=STREAMS) as scanner:
        start = await here.started(scanner)
        async with streaming(here, start) as stream:
            await stream.send(BYTES[:100_000])
            one = {start["acquisition_id"]: 100_000}
            await there.eventually(spool, lambda found: found == one)
            await stream.send(BYTES[100_000:])
            assert await stream.end() == 204
        both = {start["acquisition_id"]: 200_000}
        assert spooled(there) == both
        verdict = await scanner.upload(start, "data.mrd", BYTES)
        assert verdict["ok"], verdict
        await here.task_becomes(start["id"], "FINISHED")
        await there.eventually(spool, lambda found: found == {})

    async def ended():
        return told(there, "stream.ended") + told(here, "stream.ended")

    (said,) = await there.eventually(ended, bool)
    assert (said["whole"], said["size_bytes"]) == (True, 200_000)


async def test_another_process_that_starts_leaves_a_stream_alone(cluster):
    here = await cluster.join()
    async with here.scanner(capabilities=STREAMS) as scanner:
        start = await here.started(scanner)
        async with streaming(here, start) as stream:
            await stream.send(BYTES)
            path = here.lake_root / "streams" / f"{start['acquisition_id']}.mrdstream"

            async def size():
                return path.stat().st_size if path.exists() else None

            await here.eventually(size, lambda found: found == len(BYTES))
            await cluster.join()
            await stream.send(BYTES)
            await here.eventually(size, lambda found: found == 2 * len(BYTES))
            assert await stream.end() == 204
