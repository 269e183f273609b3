"""What a device may send, and what it hears when that is wrong."""

import asyncio
import json

import pytest
from scanner_lab import Scanner, reporter
from websockets.exceptions import ConnectionClosed

from device_manager.links.messages import MessageError, parse


@pytest.mark.parametrize(
    ("sent", "clamped"), [(-500, 0), (0, 0), ("42", 42), (41.6, 42), (700, 100), (None, None)]
)
def test_progress_is_read_as_devices_send_it(sent, clamped):
    text = json.dumps({"command": "update_status", "status": "BUSY", "data": {"progress": sent}})
    assert parse(text).data.progress == clamped


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        ("hello", "not JSON"),
        ("[1, 2]", "no 'command'"),
        ("{}", "no 'command'"),
        ('{"command": 3}', "no 'command'"),
        ('{"command": "dance"}', "Unknown command 'dance'"),
        ('{"command": "update_status"}', "update_status: status"),
        ('{"command": "update_status", "status": "HAPPY"}', "status"),
        ('{"command": "update_status", "status": "BUSY", "data": {"progress": "NaN"}}', "progress"),
        ('{"command": "update_status", "status": "ERROR", "task_id": "None"}', "task_id"),
        ('{"command": "file-transfer"}', "filename"),
        ('{"command": "ack"}', "task_id"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_frame_that_cannot_be_read_is_explained(frame, words):
    with pytest.raises(MessageError) as error:
        parse(frame)
    assert words in str(error.value)


def test_an_explanation_never_repeats_the_token():
    frame = {"command": "update_status", "status": "BUSY", "user_access_token": ["geheim"]}
    with pytest.raises(MessageError) as error:
        parse(json.dumps(frame))
    assert "geheim" not in str(error.value)
    assert "user_access_token" in str(error.value)


async def test_garbage_is_answered_and_the_link_lives_on(lab):
    async with lab.scanner() as scanner:
        for garbage in (
            "hello",
            "{}",
            '{"command":"dance"}',
            "\u0000",
            '{"command":"register","data":7}',
        ):
            await scanner.websocket.send(garbage)
            assert (await scanner.hear("feedback"))["ok"] is False
        await scanner.websocket.send(b"\x00" * 100)
        assert "file-transfer" in (await scanner.hear("feedback"))["message"]
        await scanner.say(command="ping")
        assert await scanner.hear() == {"command": "pong"}
        assert (await lab.device(scanner.device_id))["status"] == "ONLINE"


async def test_a_device_that_says_nothing_of_itself_is_registered(lab):
    credentials = await lab.create_device()
    for message in ({}, {"data": None}, {"data": {}}, {"data": {"parameter": None}}):
        async with lab.connect(credentials) as websocket:
            scanner = Scanner(credentials["device_id"], websocket)
            await scanner.say(command="register", **message)
            answer = await scanner.hear()
            assert answer["message"] == "Device registered successfully"
    device = await lab.device(credentials["device_id"])
    assert device["parameter"] is None


async def test_what_a_device_says_of_itself_is_stored(lab):
    details = {
        "serial_number": "7",
        "manufacturer": "Lab",
        "modality": "MR",
        "site": "Here",
        "parameter": {"a": 1},
        "unknown": "ignored",
    }
    async with lab.scanner(**details) as scanner:
        device = await lab.device(scanner.device_id)
        assert {key: device[key] for key in details if key != "unknown"} == {
            key: value for key, value in details.items() if key != "unknown"
        }
        assert device["capabilities"] == ["ack", "stop"]
        assert device["last_seen"] is not None


async def test_errors_and_busy_without_a_task_are_answered(lab):
    async with lab.scanner() as scanner:
        await scanner.status("ERROR", error_message="gradient amplifier tripped")
        assert "task_id" in (await scanner.hear("feedback"))["message"]
        device = await lab.device(scanner.device_id)
        assert device["status"] == "ERROR"
        assert device["status_detail"] == "gradient amplifier tripped"
        task = await lab.create_task(scanner.device_id)
        refused = await lab.start(task)
        assert refused.status_code == 409
        assert "gradient amplifier tripped" in refused.json()["detail"]
        await scanner.status("BUSY")
        await scanner.hear("feedback")
        assert (await lab.start(task)).status_code == 409
        await scanner.status("ONLINE")
        await scanner.hear("feedback")
        assert (await lab.device(scanner.device_id))["status_detail"] is None


async def test_half_a_report_is_refused_and_changes_nothing(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        for missing in ("task_id", "user_access_token"):
            half = {key: value for key, value in reporter(start).items() if key != missing}
            await scanner.say(
                command="update_status", status="ERROR", data={"error_message": "x"}, **half
            )
            answer = await scanner.hear("feedback")
            assert not answer["ok"]
            assert missing in answer["message"]
        await scanner.say(command="update_status", status="BUSY", **reporter(start))
        assert "progress" in (await scanner.hear("feedback"))["message"]
        assert (await lab.acquisition(start["id"]))["state"] == "running"
        assert (await lab.device(scanner.device_id))["status"] == "BUSY"


async def test_only_the_token_of_this_scan_on_this_device_reports(lab, signer, headers_of):
    async with lab.scanner() as scanner, lab.scanner() as other:
        start = await lab.started(scanner)
        elsewhere = await lab.started(other)
        tokens = {
            "a user's": headers_of()["Authorization"].split()[1],
            "another device's": elsewhere["access_token"],
            "no token": "nonsense",
        }
        for token in tokens.values():
            await scanner.say(
                command="update_status",
                status="ERROR",
                data={"error_message": "x"},
                task_id=start["id"],
                user_access_token=token,
            )
            answer = await scanner.hear("feedback")
            assert answer["ok"] is False
            assert token not in answer["message"]
        await scanner.say(
            command="update_status",
            status="ERROR",
            task_id=elsewhere["id"],
            user_access_token=start["access_token"],
        )
        assert "another task" in (await scanner.hear("feedback"))["message"]
        assert (await lab.acquisition(start["id"]))["state"] == "running"
        assert (await lab.device(scanner.device_id))["status"] == "BUSY"


async def test_a_silent_device_that_sent_heartbeats_is_taken_for_gone(make_lab):
    async with make_lab(idle_timeout_seconds=0.4) as lab, lab.scanner() as quiet:
        await asyncio.sleep(0.8)  # never sent a heartbeat, as the first devices of ScanHub
        await quiet.say(command="ping")
        assert await quiet.hear() == {"command": "pong"}
        with pytest.raises(ConnectionClosed):
            await quiet.hear()
        await lab.device_becomes(quiet.device_id, "OFFLINE")


async def test_a_frame_that_is_too_large_ends_the_link_with_a_reason(make_lab):
    async with make_lab(max_frame_bytes=1000) as lab, lab.scanner() as scanner:
        await scanner.websocket.send(b"0" * 1001)
        with pytest.raises(ConnectionClosed) as closed:
            await scanner.hear()
        assert "larger" in closed.value.rcvd.reason
