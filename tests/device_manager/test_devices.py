"""The registry of devices: names, credentials, parameters."""

import asyncio
import sqlite3
from hashlib import sha256

import httpx
import pytest
from scanner_lab import DEVICE, Scanner
from websockets.exceptions import ConnectionClosed, InvalidStatus

from device_manager.devices.tokens import DeviceTokens
from device_manager.links.throttle import HandshakeThrottle


def test_a_token_has_256_bits_and_matches_only_itself():
    tokens = DeviceTokens("k" * 32)
    token, stored = tokens.make()
    assert len(bytes.fromhex(token)) == 32
    assert tokens.matches(token, stored)
    assert not tokens.matches(tokens.make()[0], stored)
    assert not tokens.matches(token, None)
    assert not DeviceTokens("l" * 32).matches(token, stored)
    assert not tokens.matches(token, sha256(token.encode()).hexdigest())
    assert token not in stored


def test_refused_handshakes_are_counted_per_device_and_address_and_forgotten():
    now = 0.0
    throttle = HandshakeThrottle(2, 60, clock=lambda: now)
    throttle.refused("a", "1")
    assert not throttle.is_closed("a", "1")
    throttle.refused("a", "1")
    assert throttle.is_closed("a", "1")
    assert not throttle.is_closed("b", "1")
    assert not throttle.is_closed("a", "2")
    now = 61.0
    assert not throttle.is_closed("a", "1")


async def test_credentials_are_a_file_and_told_once(lab):
    answer = await lab.http.post(
        f"{DEVICE}/createdevice", json={"name": " MR 1 ", "description": "low field"}
    )
    assert answer.status_code == 201
    assert "device_credentials.json" in answer.headers["Content-Disposition"]
    credentials = answer.json()
    assert set(credentials) == {"device_id", "device_token"}
    device = await lab.device(credentials["device_id"])
    assert (device["name"], device["status"]) == ("MR 1", "OFFLINE")
    assert credentials["device_token"] not in str(device)
    assert [item["id"] for item in (await lab.http.get(f"{DEVICE}/")).json()] == [device["id"]]


@pytest.mark.parametrize(
    "body", [{"name": " ", "description": "x"}, {"name": "x", "description": ""}]
)
async def test_a_device_needs_a_name_and_a_description(lab, body):
    answer = await lab.http.post(f"{DEVICE}/createdevice", json=body)
    assert answer.status_code == 400
    assert answer.json()["field"] in {"name", "description"}


async def test_a_device_is_renamed_and_gets_new_parameters(lab):
    device_id = (await lab.create_device())["device_id"]
    renamed = await lab.http.put(
        f"{DEVICE}/{device_id}", json={"name": "New", "description": "other"}
    )
    assert renamed.json()["name"] == "New"
    answer = await lab.http.put(f"{DEVICE}/parameter/{device_id}", json={"shims": [1, 2]})
    assert answer.json()["parameter"] == {"shims": [1, 2]}
    assert (await lab.http.put(f"{DEVICE}/parameter/{device_id}", json=[1])).status_code == 422


async def test_an_unknown_device_is_404_and_a_malformed_id_422(lab):
    nobody = "00000000-0000-7000-8000-000000000000"
    for method, path in (
        ("GET", nobody),
        ("DELETE", nobody),
        ("POST", f"{nobody}/rotate-token"),
        ("POST", f"{nobody}/stop"),
    ):
        answer = await lab.http.request(method, f"{DEVICE}/{path}")
        assert answer.status_code == 404, (method, path)
    assert (await lab.http.get(f"{DEVICE}/nonsense")).status_code == 422


async def test_who_may_do_what(lab, headers_of):
    device_id = (await lab.create_device())["device_id"]
    async with httpx.AsyncClient(base_url=f"http://{lab.address}") as http:
        medical = headers_of()
        assert (await http.get(f"{DEVICE}/")).status_code == 401
        assert (await http.get(f"{DEVICE}/", headers=medical)).status_code == 200
        answer = await http.delete(f"{DEVICE}/{device_id}", headers=medical)
        assert answer.status_code == 403
        stop = await http.post(f"{DEVICE}/{device_id}/stop", headers=medical)
        assert stop.status_code == 503


async def test_a_wrong_token_or_id_is_refused_before_the_link_opens(lab):
    credentials = await lab.create_device()
    for changes in (
        {"device_token": "f" * 64},
        {"device_token": ""},
        {"device_id": "not a uuid"},
        {"device_id": "00000000-0000-7000-8000-000000000000"},
    ):
        with pytest.raises(InvalidStatus) as refused:
            async with lab.connect({**credentials, **changes}):
                pass
        assert refused.value.response.status_code == 403
    async with lab.scanner(credentials):
        assert (await lab.device(credentials["device_id"]))["status"] == "ONLINE"


async def test_many_wrong_handshakes_are_not_looked_at_any_more(make_lab):
    async with make_lab(handshake_failures=3) as lab:
        credentials = await lab.create_device()
        other = await lab.create_device("Other")
        wrong = {**credentials, "device_token": "f" * 64}
        codes = []
        for _ in range(5):
            with pytest.raises(InvalidStatus) as refused:
                async with lab.connect(wrong):
                    pass
            codes.append(refused.value.response.status_code)
        assert codes == [403, 403, 403, 429, 429]
        async with lab.scanner(other):
            pass


async def test_a_new_token_closes_the_link_and_the_old_one_is_void(lab):
    credentials = await lab.create_device()
    async with lab.scanner(credentials) as scanner:
        answer = await lab.http.post(f"{DEVICE}/{scanner.device_id}/rotate-token")
        assert "device_credentials.json" in answer.headers["Content-Disposition"]
        with pytest.raises(ConnectionClosed) as closed:
            await scanner.hear()
        assert closed.value.rcvd.code == 1008
        assert "token" in closed.value.rcvd.reason
    with pytest.raises(InvalidStatus):
        async with lab.connect(credentials):
            pass
    async with lab.scanner(answer.json()):
        pass


async def test_a_deleted_device_loses_its_link_and_never_comes_back(lab):
    credentials = await lab.create_device()
    async with lab.scanner(credentials) as scanner:
        answer = await lab.http.delete(f"{DEVICE}/{scanner.device_id}")
        assert answer.status_code == 204
        with pytest.raises(ConnectionClosed):
            await scanner.hear()
    with pytest.raises(InvalidStatus):
        async with lab.connect(credentials):
            pass


async def test_a_device_that_scans_cannot_be_deleted(lab):
    async with lab.scanner() as scanner:
        await lab.started(scanner)
        answer = await lab.http.delete(f"{DEVICE}/{scanner.device_id}")
        assert answer.status_code == 409
        assert (await lab.device(scanner.device_id))["id"] == scanner.device_id


async def test_closing_the_older_of_two_connections_leaves_the_newer_one(lab):
    credentials = await lab.create_device()
    async with lab.connect(credentials) as first_socket:
        first = Scanner(credentials["device_id"], first_socket)
        await first.register()
        async with lab.scanner(credentials) as second:
            with pytest.raises(ConnectionClosed):
                await first.hear()
            await first_socket.close()
            await asyncio.sleep(0.1)
            assert (await lab.device(second.device_id))["status"] == "ONLINE"
            start = await lab.started(second)
            assert start["acquisition_id"]
    await lab.device_becomes(credentials["device_id"], "OFFLINE")


async def test_connections_are_told_once_each(lab):
    async with lab.scanner() as scanner:
        device_id = scanner.device_id
    await lab.device_becomes(device_id, "OFFLINE")

    async def told() -> list[str]:
        return [event.type.value for event in lab.events if event.subject == device_id]

    await lab.eventually(
        told,
        lambda kinds: kinds == ["device.created", "device.connected", "device.disconnected"],
    )


async def test_after_a_restart_every_device_is_offline(make_lab, tmp_path):
    async with make_lab() as lab:
        credentials = await lab.create_device()
    with sqlite3.connect(tmp_path / "device.sqlite") as database:  # as a killed process leaves it
        database.execute("UPDATE device SET status = 'BUSY'")
    database.close()
    async with make_lab() as lab:
        device = await lab.device(credentials["device_id"])
        assert device["status"] == "OFFLINE"
        assert device["status_detail"] == "the service was restarted"
