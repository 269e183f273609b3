"""Who gets in, who is put out, and that a device touches nothing but its own tasks."""

import asyncio
import base64
import hashlib
import sqlite3

import pytest
from scanner_lab import DEVICE, Scanner, reporter
from websockets.exceptions import ConnectionClosed, InvalidStatus

from device_manager.links import routes
from device_manager.links.throttle import HandshakeThrottle

PATIENT = {"lost_after_seconds": 30, "return_deadline_seconds": 30, "data_deadline_seconds": 30}
NOBODY = "00000000-0000-7000-8000-000000000000"


async def status_of(lab, credentials) -> int:
    with pytest.raises(InvalidStatus) as refused:
        async with lab.connect(credentials):
            pass
    return refused.value.response.status_code


# --- what is stored -------------------------------------------------------------------------------


async def test_a_token_that_was_stored_without_a_key_goes_on_and_gets_one(make_lab, tmp_path):
    async with make_lab() as lab:
        credentials = await lab.create_device()
    plain = hashlib.sha256(credentials["device_token"].encode()).hexdigest()
    with sqlite3.connect(tmp_path / "device.sqlite") as database:  # as version 0001 stored it
        database.execute("UPDATE device SET token_hash = ?", [plain])
    database.close()
    for _ in range(2):
        async with make_lab() as lab, lab.scanner(credentials):
            assert await status_of(lab, {**credentials, "device_token": plain}) == 403
    with sqlite3.connect(tmp_path / "device.sqlite") as database:
        (stored,) = database.execute("SELECT token_hash FROM device").fetchone()
    database.close()
    assert stored != plain
    assert len(stored) == 43


async def test_without_the_key_of_the_installation_nobody_gets_in(make_lab):
    async with make_lab() as lab:
        credentials = await lab.create_device()
    async with make_lab(token_key="another key of the same length.." * 2) as lab:
        assert await status_of(lab, credentials) == 403
        answer = await lab.http.post(f"{DEVICE}/{credentials['device_id']}/rotate-token")
        async with lab.scanner(answer.json()):
            pass


# --- handshakes -----------------------------------------------------------------------------------


def test_refusals_of_an_address_are_counted_whatever_device_is_named():
    now = 0.0
    throttle = HandshakeThrottle(5, 60, per_address=3, clock=lambda: now)
    throttle.succeeded("gateway", "good")
    for number in range(3):
        assert not throttle.is_closed("gateway", "new")
        throttle.refused("gateway", f"guess {number}")
    assert throttle.is_closed("gateway", "new")
    assert not throttle.is_closed("gateway", "good")
    assert not throttle.is_closed("elsewhere", "new")
    now = 61.0
    assert not throttle.is_closed("gateway", "new")


async def test_who_guesses_ids_has_to_wait_and_a_known_device_has_not(make_lab):
    async with make_lab(handshake_failures_per_address=4) as lab:
        credentials, unknown = await lab.create_device(), await lab.create_device("New")
        async with lab.scanner(credentials):
            pass
        codes = [
            await status_of(lab, {"device_id": f"{number:08}{NOBODY[8:]}", "device_token": "f"})
            for number in range(6)
        ]
        assert codes == [403] * 4 + [429] * 2
        assert await status_of(lab, unknown) == 429
        async with lab.scanner(credentials):
            pass


async def test_a_token_that_is_replaced_while_a_link_opens_lets_nobody_in(lab, monkeypatch):
    credentials = await lab.create_device()
    authenticate = routes._authenticate

    async def slow(*arguments):
        found = await authenticate(*arguments)
        if not rotated:
            rotated.append(await lab.http.post(f"{DEVICE}/{credentials['device_id']}/rotate-token"))
        return found

    rotated = []
    monkeypatch.setattr(routes, "_authenticate", slow)
    async with lab.connect(credentials) as websocket:
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(websocket.recv(), 20)
    assert closed.value.rcvd.code == 1008
    async with lab.scanner(rotated[0].json()):
        pass


# --- foreign tasks --------------------------------------------------------------------------------


async def test_a_device_moves_no_scan_of_another_whatever_it_says(make_lab):
    """Each message of the wire, with the ids and the token of another device's scan."""
    async with make_lab(**PATIENT) as lab, lab.scanner() as victim, lab.scanner() as thief:
        start = await lab.started(victim)
        task, who = {"task_id": start["id"]}, reporter(start)
        before = await lab.acquisition(start["id"])
        messages = [
            {"command": "ack", "acquisition_id": start["acquisition_id"], **task},
            {"command": "paused", **task},
            {"command": "resumed", **task},
            {"command": "update_status", "status": "BUSY", "data": {"progress": 99}, **who},
            {"command": "update_status", "status": "ERROR", **who},
            {"command": "file-transfer", "filename": "x.mrd", "size_bytes": 3, **who},
            {"command": "calibrated", "kind": "frequency", "values": {"a": 1}, **who},
        ]
        for message in messages:
            await thief.say(**message)
            answer = await thief.hear("feedback")
            assert answer["ok"] is False, (message, answer)
            assert start["access_token"] not in answer["message"]
        await thief.say(command="stopped", **task)
        await thief.say(command="stopped")
        await thief.websocket.send(b"abc")
        await thief.status("ONLINE")
        await thief.hear("feedback")
        after = await lab.acquisition(start["id"])
        assert after == before
        assert (await lab.task(start["id"]))["progress"] == 10
        assert lab.files() == []
        assert (await victim.upload(start, "data.mrd", b"raw"))["ok"]


async def test_a_stop_is_confirmed_by_nobody_but_the_device_that_scans(make_lab):
    async with (
        make_lab(**PATIENT, stop_deadline_seconds=0.5) as lab,
        lab.scanner() as victim,
        lab.scanner() as thief,
    ):
        start = await lab.started(victim)
        stop = asyncio.create_task(lab.stop(victim.device_id))
        await victim.hear("stop")
        await thief.say(command="stopped", task_id=start["id"])
        assert (await stop).json()["confirmed"] is False
        assert (await lab.acquisition(start["id"]))["state"] == "stopping"


async def test_the_token_of_a_scan_opens_no_upload_of_another(make_lab):
    async with make_lab(**PATIENT) as lab, lab.scanner() as victim, lab.scanner() as thief:
        theirs, own = await lab.started(victim), await lab.started(thief)
        name = base64.b64encode(b"data.mrd").decode()
        tus = {"Tus-Resumable": "1.0.0", "Upload-Length": "10"}
        of = {key: {"Authorization": f"Bearer {start['access_token']}", **tus} for key, start in
              (("victim", theirs), ("thief", own))}  # fmt: skip
        path = f"{DEVICE}/uploads"
        foreign = base64.b64encode(theirs["id"].encode()).decode()
        for metadata in (f"filename {name},task_id {foreign}",):
            refused = await lab.http.post(
                path, headers={**of["thief"], "Upload-Metadata": metadata}
            )
            assert refused.status_code == 403, refused.text
        made = await lab.http.post(
            path, headers={**of["victim"], "Upload-Metadata": f"filename {name}"}
        )
        assert made.status_code == 201, made.text
        upload = made.headers["Location"]
        piece = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
        for method, extra in (("GET", {}), ("HEAD", {}), ("PATCH", piece), ("DELETE", {})):
            answer = await lab.http.request(
                method, upload, headers={**of["thief"], **extra}, content=b"0123456789"
            )
            assert answer.status_code == 403, (method, answer.text)
        asked = await lab.http.head(upload, headers=of["victim"])
        assert asked.headers["Upload-Offset"] == "0"
        assert lab.files() == []


async def test_the_token_of_a_scan_opens_nothing_else(make_lab):
    async with make_lab(**PATIENT) as lab, lab.scanner() as scanner:
        start = await lab.started(scanner)
        headers = {"Authorization": f"Bearer {start['access_token']}"}
        tries = [
            ("GET", f"{DEVICE}/"),
            ("GET", f"{DEVICE}/{scanner.device_id}"),
            ("GET", f"{DEVICE}/acquisitions"),
            ("POST", f"{DEVICE}/{scanner.device_id}/stop"),
            ("POST", f"{DEVICE}/{scanner.device_id}/rotate-token"),
            ("POST", f"{DEVICE}/acquisitions/{start['acquisition_id']}/abandon"),
            ("DELETE", f"{DEVICE}/{scanner.device_id}"),
        ]
        for method, path in tries:
            answer = await lab.http.request(method, path, headers=headers)
            assert answer.status_code == 403, (method, path, answer.text)


# --- close codes ----------------------------------------------------------------------------------


async def test_each_ending_has_its_code(make_lab):
    async def code_of(scanner: Scanner) -> int:
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                await scanner.hear(seconds=20)
        return closed.value.rcvd.code

    async with make_lab(idle_timeout_seconds=0.5, max_frame_bytes=1000) as lab:
        credentials = await lab.create_device()
        async with lab.scanner(credentials) as scanner:
            await scanner.websocket.send(b"0" * 1001)
            assert await code_of(scanner) == 1009
        async with lab.scanner(credentials) as older, lab.scanner(credentials):
            assert await code_of(older) == 4001
        async with lab.scanner(credentials) as silent:
            await silent.say(command="ping")
            assert await code_of(silent) == 4002
        async with lab.scanner(credentials) as scanner:
            await lab.http.delete(f"{DEVICE}/{scanner.device_id}")
            assert await code_of(scanner) == 1008
        assert await status_of(lab, credentials) == 403


async def test_a_server_that_goes_down_says_so(make_lab):
    async with make_lab() as lab:
        credentials = await lab.create_device()
        websocket = await lab.connect(credentials)
        scanner = Scanner(credentials["device_id"], websocket)
        await scanner.register()
    with pytest.raises(ConnectionClosed) as closed:
        await scanner.hear()
    assert closed.value.rcvd.code == 1012
