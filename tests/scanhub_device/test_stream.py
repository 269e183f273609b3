"""Readouts that are sent while they are acquired: a preview that never costs the scan anything."""

import asyncio
import io
import json
import logging
import threading

import ismrmrd
import numpy as np
import pytest
from stream_server import stream_server

from scanhub_device import ClientSettings, SyncScanner
from scanhub_device.messages import DeviceDetails
from scanhub_device.simulated import default_sequence
from scanhub_device.simulator.mrd import Labels, make_header
from scanhub_device.simulator.plan import plan_scan
from scanhub_device.stream import AcquisitionStream, StreamTarget

QUICK = ClientSettings(open_timeout_s=2, stream_stall_s=0.3, stream_drain_s=5)


@pytest.fixture(scope="module")
def header():
    return make_header(plan_scan(default_sequence().read_text()), coils=2, labels=Labels("t"))


def readout(number=0, samples=64):
    data = np.full((2, samples), number, np.complex64)
    acquisition = ismrmrd.Acquisition.from_array(data)
    acquisition.scan_counter = number
    return acquisition


def stream_to(url, header, settings=QUICK, stop=None):
    target = StreamTarget(url, "token-1", "task-1", settings)
    return AcquisitionStream(target, header, stop or threading.Event())


async def sent(stream):
    assert await asyncio.to_thread(stream.wait_sent, 20)


def objects_in(body):
    return list(ismrmrd.ProtocolDeserializer(io.BytesIO(bytes(body))).deserialize())


async def test_readouts_arrive_as_a_session_of_the_mrd_protocol(header):
    async with stream_server() as server:
        async with stream_to(server.url, header) as stream:
            acquisition = readout()
            for number in range(20):
                acquisition.scan_counter = number  # the memory of a readout is used again
                acquisition.data[:] = number
                stream.put(acquisition)
        await sent(stream)
        assert server.whole
        assert stream.reason is None
        first, *readouts = objects_in(server.body)
        assert first.toXML() == ismrmrd.xsd.CreateFromDocument(header).toXML()
        assert [(item.scan_counter, item.data[0, 0]) for item in readouts] == [
            (number, number) for number in range(20)
        ]
        assert "Authorization: Bearer token-1" in server.head
        assert "Transfer-Encoding: chunked" in server.head


async def test_a_readout_arrives_before_the_next_one_is_put(header):
    async with stream_server() as server, stream_to(server.url, header) as stream:
        for number in range(3):
            stream.put(readout(number))
            async with asyncio.timeout(10):
                while len(server.body) < len(header) + 6 + (number + 1) * (2 + 340 + 1024):
                    await asyncio.sleep(0.005)


async def test_a_server_that_does_not_read_costs_no_time_and_no_memory(header, caplog):
    settings = ClientSettings(stream_buffer_bytes=1 << 20, stream_stall_s=60)
    async with stream_server(reads=False) as server:
        with stream_to(server.url, header, settings) as stream:
            await asyncio.wait_for(server.reached.wait(), 20)
            for number in range(3000):  # 120 MB, put from the loop itself: nothing waits
                stream.put(readout(number, samples=2500))
            assert not stream.open
        await sent(stream)
        assert "too slow" in stream.reason
        warnings = [entry for entry in caplog.records if entry.levelno >= logging.WARNING]
        assert len(warnings) == 1
        assert "task task-1" in warnings[0].getMessage()
        assert "the scan goes on" in warnings[0].getMessage()


async def test_a_server_that_stalls_is_given_up_also_if_little_waits(header):
    settings = ClientSettings(stream_stall_s=0.2, stream_buffer_bytes=1 << 30)
    async with stream_server(reads=False) as server:
        with stream_to(server.url, header, settings) as stream:
            for number in range(400):  # 16 MB: more than the sockets hold
                stream.put(readout(number, samples=2500))
            await sent(stream)
        assert stream.reason == "timed out"


PROBLEM = json.dumps({"detail": "This is not the token of this scan."}).encode()


async def test_a_refusal_is_told_with_its_reason(header, caplog):
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n%s" % (len(PROBLEM), PROBLEM)
    async with stream_server(refuses=refusal) as server:
        with stream_to(server.url, header) as stream:
            await sent(stream)
            stream.put(readout())
        assert stream.reason == "This is not the token of this scan."
        assert "not the token of this scan" in caplog.text


async def test_a_connection_that_breaks_ends_the_stream_and_nothing_else(header):
    async with stream_server(breaks_after=100_000) as server:
        with stream_to(server.url, header) as stream:
            for number in range(2000):
                stream.put(readout(number, samples=1000))
            await sent(stream)
            stream.put(readout())
        assert stream.reason


async def test_no_server_is_no_error(header, caplog):
    with stream_to("http://127.0.0.1:9/stream", header) as stream:
        stream.put(readout())
        await sent(stream)
    assert "refused" in stream.reason
    assert "no preview of task task-1" in caplog.text


async def test_a_scan_that_fails_ends_the_stream_in_the_middle(header):
    async with stream_server() as server:
        with pytest.raises(ValueError, match="the coil burns"):
            async with stream_to(server.url, header) as stream:
                stream.put(readout())
                raise ValueError("the coil burns")
        await sent(stream)
        await asyncio.wait_for(server.ended.wait(), 10)
        assert not server.whole


async def test_a_scan_that_is_to_stop_says_no_goodbye(header):
    stop = threading.Event()
    async with stream_server() as server:
        with stream_to(server.url, header, stop=stop) as stream:
            stream.put(readout())
            stop.set()
        await sent(stream)
        await asyncio.wait_for(server.ended.wait(), 10)
        assert not server.whole


async def test_what_cannot_be_sent_after_the_end_is_given_up_in_time(header):
    settings = ClientSettings(stream_stall_s=60, stream_drain_s=0.0)
    async with stream_server() as server:
        with stream_to(server.url, header, settings) as stream:
            stream.put(readout())
        await sent(stream)
        await asyncio.wait_for(server.ended.wait(), 10)
        assert not stream.open
        assert server.whole or "not sent in time" in stream.reason


# --- in a scan --------------------------------------------------------------------------------


class Scripted:
    """A scanner that does what the test tells it to do."""

    details = DeviceDetails(device_name="bench")
    can_stream = False

    def __init__(self, work):
        self._work = work

    async def scan(self, scan, /):
        await self._work(scan)


class StreamingScanner(Scripted):
    can_stream = True


async def test_a_scan_streams_where_the_server_says(server, connect, header):
    async def scan(scan):
        async with scan.stream(header) as stream:
            stream.put(readout())
        await asyncio.to_thread(stream.wait_sent, 20)
        reasons.append(stream.reason)

    reasons = []
    async with stream_server() as taker:
        await connect(StreamingScanner(scan))
        assert "stream" in server.log[0]["data"]["capabilities"]
        await server.start(stream_url=taker.url)
        await server.expect("update_status", status="ONLINE")
        assert taker.whole
        assert len(objects_in(taker.body)) == 2
    assert reasons == [None]


async def test_where_the_server_takes_no_stream_nothing_is_sent(server, connect, header):
    async def scan(scan):
        with scan.stream(header) as stream:
            stream.put(readout())
            stream.put_message(b"anything")
            assert not stream.open
        reasons.append(stream.reason)

    reasons = []
    await connect(StreamingScanner(scan))
    await server.start()
    await server.expect("update_status", status="ONLINE")
    assert reasons == ["the server takes no stream"]


async def test_a_scanner_that_does_not_stream_does_not_say_so(server, connect):
    async def scan(_scan):
        """Nothing to do."""

    await connect(Scripted(scan))
    assert "stream" not in server.log[0]["data"]["capabilities"]


async def test_a_scanner_of_plain_functions_streams_too(server, connect, header):
    class Plain(SyncScanner):
        details = DeviceDetails(device_name="plain")
        can_stream = True

        def scan(self, scan):
            with scan.stream(header) as stream:
                stream.put(readout())
            stream.wait_sent(20)

    async with stream_server() as taker:
        await connect(Plain())
        assert "stream" in server.log[0]["data"]["capabilities"]
        await server.start(stream_url=taker.url)
        await server.expect("update_status", status="ONLINE")
        assert taker.whole
