"""TLS client certificates: bound by an administrator, asked for beside the token. Real TLS."""

import asyncio
import base64
import hashlib
import json
from contextlib import asynccontextmanager, suppress
from functools import partial
from urllib.parse import quote

import httpx
import pytest
from authority import Authority
from scanner_lab import DEVICE
from structlog.testing import capture_logs
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from scanhub_device import Calibration, CalibrationResult, ClientSettings, DeviceClient
from scanhub_device.checking import Found, check_link
from scanhub_device.credentials import Credentials
from scanhub_device.messages import DeviceDetails

QUICK = {"reconnect_base_s": 0.05, "reconnect_max_s": 0.2, "http_upload_bytes": 1}


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
async def lab(make_lab, authority):
    async with make_lab(tls=authority.tls(authority.sign("server"))) as lab:
        yield lab


async def bind(lab, credentials, **given):
    return await lab.http.put(f"{DEVICE}/{credentials['device_id']}/certificate", json=given)


def headers(credentials):
    return {"Device-Id": credentials["device_id"], "Device-Token": credentials["device_token"]}


def url_of(lab):
    return f"wss://localhost:{lab.address.split(':')[1]}{DEVICE}/ws"


@asynccontextmanager
async def link(lab, credentials, context):
    async with connect(
        url_of(lab), additional_headers=headers(credentials), proxy=None, ssl=context
    ) as websocket:
        await websocket.send(json.dumps({"command": "ping"}))
        assert json.loads(await asyncio.wait_for(websocket.recv(), 10))["command"] == "pong"
        yield websocket


async def refusal(lab, credentials, context):
    with pytest.raises(InvalidStatus) as refused:
        async with link(lab, credentials, context):
            pass
    response = refused.value.response
    return response.status_code, json.loads(response.body)


# --- binding --------------------------------------------------------------------------------------


async def test_a_certificate_is_bound_by_itself_or_by_its_fingerprint_and_removed(lab, authority):
    credentials, holder = await lab.create_device(), authority.sign("scanner")
    answer = await bind(lab, credentials, certificate_pem=holder.pem)
    assert answer.status_code == 200, answer.text
    assert answer.json()["sha256"] == holder.sha256
    assert answer.json()["subject"] == "CN=scanner"
    assert answer.json()["not_after"]
    other = authority.sign("other")
    printed = ":".join(f"{byte:02X}" for byte in bytes.fromhex(other.sha256))
    assert (await bind(lab, credentials, sha256=printed)).json()["sha256"] == other.sha256
    device = await lab.device(credentials["device_id"])
    assert device["certificate_sha256"] == other.sha256
    path = f"{DEVICE}/{credentials['device_id']}/certificate"
    for _ in range(2):
        assert (await lab.http.delete(path)).status_code == 204
    assert (await lab.device(credentials["device_id"]))["certificate_sha256"] is None

    async def told():
        return [event.data["certificate_sha256"] for event in lab.events
                if "certificate_sha256" in event.data]  # fmt: skip

    changes = [holder.sha256, other.sha256, None]
    await lab.eventually(told, lambda seen: seen == changes)


async def test_what_is_no_certificate_is_refused_and_a_private_key_is_not_repeated(lab, authority):
    credentials, holder = await lab.create_device(), authority.sign("scanner")
    old = authority.sign("old", days=-1)
    for given, words in (
        ({"certificate_pem": "hello"}, "no certificate"),
        ({"certificate_pem": holder.pem.replace("M", "N", 3)}, "no certificate"),
        ({"certificate_pem": old.pem}, "expired on"),
        ({"sha256": "12:34"}, "64 hexadecimal digits"),
        ({}, "either"),
        ({"certificate_pem": holder.pem, "sha256": holder.sha256}, "either"),
    ):
        answer = await bind(lab, credentials, **given)
        assert (answer.status_code, words in answer.json()["detail"]) == (422, True), answer.text
    key = holder.key.read_text()
    answer = await bind(lab, credentials, certificate_pem=holder.pem + key)
    assert (answer.status_code, "private key" in answer.text) == (422, True), answer.text
    assert key.splitlines()[1] not in answer.text
    assert (await lab.device(credentials["device_id"]))["certificate_sha256"] is None
    nobody = {"device_id": "00000000-0000-7000-8000-000000000000"}
    assert (await bind(lab, nobody, sha256=holder.sha256)).status_code == 404


async def test_a_link_that_is_open_is_closed_when_a_certificate_is_bound(lab, authority):
    credentials, holder = await lab.create_device(), authority.sign("scanner")
    async with link(lab, credentials, authority.client()) as websocket:
        await bind(lab, credentials, certificate_pem=holder.pem)
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(websocket.recv(), 10)
        assert closed.value.rcvd.code == 1012
    async with link(lab, credentials, authority.client(holder)) as websocket:
        await bind(lab, credentials, sha256=holder.sha256.upper())
        await websocket.send(json.dumps({"command": "ping"}))
        await asyncio.wait_for(websocket.recv(), 10)  # nothing has changed: it goes on


# --- handshakes -----------------------------------------------------------------------------------


async def test_token_and_certificate_are_both_needed(lab, authority):
    credentials, holder = await lab.create_device(), authority.sign("scanner")
    await bind(lab, credentials, certificate_pem=holder.pem)
    async with link(lab, credentials, authority.client(holder)):
        pass
    with capture_logs() as logged:
        status, problem = await refusal(lab, credentials, authority.client())
        assert (status, problem["type"]) == (403, "/problems/client-certificate")
        status, problem = await refusal(lab, credentials, authority.client(authority.sign("o")))
        assert (status, problem["type"]) == (403, "/problems/client-certificate")
        forged = {**credentials, "device_token": "f" * 64}
        status, problem = await refusal(lab, forged, authority.client(holder))
        assert (status, problem["type"]) == (403, "/problems/forbidden")
        status, problem = await refusal(lab, forged, authority.client())
        assert "ertificate" not in problem["detail"]
    reasons = [entry["why"] for entry in logged if entry["event"] == "handshake refused"]
    assert "sent no certificate" in reasons[0]
    assert authority.sign("o").sha256 not in reasons[1]
    assert "not the one that is bound" in reasons[1]
    assert reasons[2:] == ["Device-Id or Device-Token is not valid."] * 2
    assert credentials["device_token"] not in str(logged)


async def test_a_device_without_a_bound_certificate_gets_in_with_its_token(lab, authority):
    credentials = await lab.create_device()
    for context in (authority.client(), authority.client(authority.sign("any"))):
        async with link(lab, credentials, context):
            pass


async def test_without_tls_no_certificate_can_be_shown(make_lab, authority):
    async with make_lab() as lab:
        credentials, holder = await lab.create_device(), authority.sign("scanner")
        await bind(lab, credentials, certificate_pem=holder.pem)
        with pytest.raises(InvalidStatus) as refused:
            async with lab.connect(credentials):
                pass
        assert "without TLS" in refused.value.response.body.decode()


# --- uploads --------------------------------------------------------------------------------------


async def test_the_token_of_a_scan_uploads_nothing_without_the_certificate(lab, authority):
    credentials, holder = await lab.create_device(), authority.sign("scanner")
    data = b"raw data"
    name = base64.b64encode(b"data.mrd").decode()
    async with link(lab, credentials, authority.client()) as websocket:
        start = await started(lab, credentials, websocket)
        await bind(lab, credentials, certificate_pem=holder.pem)
        announced = {
            "Authorization": f"Bearer {start['access_token']}",
            "Tus-Resumable": "1.0.0",
            "Upload-Length": str(len(data)),
            "Upload-Metadata": f"filename {name}",
        }
        piece = {**announced, "Upload-Offset": "0",
                 "Content-Type": "application/offset+octet-stream"}  # fmt: skip
        base = f"https://{lab.address}"
        async with (
            httpx.AsyncClient(base_url=base, verify=authority.client()) as without,
            httpx.AsyncClient(base_url=base, verify=authority.client(holder)) as device,
        ):
            refused = await without.post(f"{DEVICE}/uploads", headers=announced)
            assert refused.status_code == 403, refused.text
            assert refused.json()["type"] == "/problems/client-certificate"
            made = await device.post(f"{DEVICE}/uploads", headers=announced)
            assert made.status_code == 201, made.text
            place = made.headers["Location"]
            for method in ("GET", "HEAD", "PATCH", "DELETE"):
                answer = await without.request(method, place, headers=piece, content=data)
                assert answer.status_code == 403, (method, answer.text)
            assert (await lab.http.get(place)).json()["offset"] == 0  # an administrator may look
            stored = await device.patch(place, headers=piece, content=data)
            assert stored.status_code == 204, stored.text
    await lab.task_becomes(start["id"], "FINISHED")


async def started(lab, credentials, websocket):
    """Begin a scan over a link."""
    say = {"command": "register", "data": {"status": "ONLINE", "capabilities": ["ack"]}}
    await websocket.send(json.dumps(say))
    task = await lab.create_task(credentials["device_id"])
    starting = asyncio.create_task(lab.start(task))
    while (message := json.loads(await websocket.recv()))["command"] != "start":
        pass
    start = message["data"]
    ids = {"task_id": start["id"], "acquisition_id": start["acquisition_id"]}
    await websocket.send(json.dumps({"command": "ack", **ids}))
    assert (await starting).status_code == 200
    return start


class FileScanner:
    """Uploads a file."""

    def __init__(self, path) -> None:
        self.details = DeviceDetails(device_name="files")
        self.path = path

    async def calibrate(self, _calibration: Calibration, /) -> CalibrationResult:
        return CalibrationResult(values={"larmor_frequency": 2_000_000})

    async def scan(self, scan) -> None:
        await scan.report_progress(50)
        await scan.upload(self.path)


async def status_of_start(lab, task):
    return (await lab.start(task)).status_code


async def test_the_sdk_scans_with_its_certificate_and_takes_a_renewed_one(lab, authority, tmp_path):
    credentials, holder = await lab.create_device(), authority.sign("scanner")
    await bind(lab, credentials, certificate_pem=holder.pem)
    path = tmp_path / "raw.mrd"
    path.write_bytes(hashlib.shake_256(b"raw").digest(3 << 20))
    settings = ClientSettings(
        ca_file=authority.file,
        client_certificate=holder.certificate,
        client_key=holder.key,
        **QUICK,
    )
    client = DeviceClient(
        url_of(lab),
        credentials["device_id"],
        credentials["device_token"],
        FileScanner(path),
        settings=settings,
    )
    running = asyncio.create_task(client.run())
    try:
        for _ in range(2):
            task = await lab.create_task(credentials["device_id"])
            # The link is closed at some moment after the answer to `bind`: until it is open again,
            # the device is offline and nothing is sent to it.
            await lab.eventually(partial(status_of_start, lab, task), {503: False, 200: True}.get)
            done = await lab.task_becomes(task["id"], "FINISHED", 30)
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            assert done["results"][0]["meta"]["sha256"] == digest
            renewed = authority.sign("scanner")  # in the same files
            await bind(lab, credentials, certificate_pem=renewed.pem)
    finally:
        client.close()
        with suppress(asyncio.CancelledError):
            await running


# --- behind a gateway -----------------------------------------------------------------------------


def forms(holder):
    """What gateways make of a certificate."""
    der = base64.b64encode(holder.der).decode()
    return [holder.sha256.upper(), f":{der}:", quote(holder.pem), der]


async def code_behind(lab, credentials, *told):
    """Connect as a gateway would, with headers; return the status (101: let in)."""
    sent = [*headers(credentials).items(), *told]
    try:
        async with connect(
            f"ws://{lab.address}{DEVICE}/ws", additional_headers=sent, proxy=None
        ) as websocket:
            await websocket.ping()
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


async def test_a_trusted_gateway_tells_the_certificate_in_a_header(make_lab, authority):
    holder, other = authority.sign("scanner"), authority.sign("other")
    for header in ("Client-Cert", "X-SSL-Client-SHA256"):
        async with make_lab(
            certificate_header=header, trusted_proxies="10.0.0.0/8, 127.0.0.1"
        ) as lab:
            credentials = await lab.create_device()
            await bind(lab, credentials, certificate_pem=holder.pem)
            for form in forms(holder):
                # a gateway tells for whom it speaks: that is not who speaks
                told = ((header, form), ("X-Forwarded-For", "192.0.2.7"))
                assert await code_behind(lab, credentials, *told) == 101, form
            for form in forms(other):
                assert await code_behind(lab, credentials, (header, form)) == 403
            right = forms(holder)[0]
            for told in ((), ((header, ""),), ((header, "?"),), ((header, right), (header, right))):
                assert await code_behind(lab, credentials, *told) == 403, told


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"certificate_header": "Client-Cert"},
        {"trusted_proxies": "127.0.0.0/8"},
        {"certificate_header": "X-Other", "trusted_proxies": "127.0.0.1"},
        {"certificate_header": "Client-Cert", "trusted_proxies": "192.0.2.7"},
    ],
)
async def test_a_header_counts_for_nothing_from_anybody_else(make_lab, authority, settings):
    holder = authority.sign("scanner")
    async with make_lab(**settings) as lab:
        credentials = await lab.create_device()
        await bind(lab, credentials, certificate_pem=holder.pem)
        # nor does it help to claim to be the gateway
        told = (("Client-Cert", holder.sha256), ("X-Forwarded-For", "192.0.2.7"))
        assert await code_behind(lab, credentials, *told) == 403


async def test_behind_a_gateway_the_certificate_of_the_gateway_is_nobodys(make_lab, authority):
    gateway, server = authority.sign("gateway"), authority.sign("server")
    trust = {"certificate_header": "Client-Cert", "trusted_proxies": "127.0.0.1,::1"}
    async with make_lab(tls=authority.tls(server), **trust) as lab:
        credentials = await lab.create_device()
        await bind(lab, credentials, certificate_pem=gateway.pem)
        status, problem = await refusal(lab, credentials, authority.client(gateway))
        assert (status, "passed no Client-Cert" in problem["detail"]) == (403, True), problem


# --- what a builder is told -----------------------------------------------------------------------


async def test_a_check_tells_what_is_wrong_with_a_certificate(lab, authority, tmp_path):
    given = await lab.create_device()
    holder = authority.sign("scanner")
    await bind(lab, given, certificate_pem=holder.pem)
    (tmp_path / "far").mkdir()
    stranger = Authority(tmp_path / "far", "Other CA")
    credentials = Credentials.model_validate(given)

    async def check(shown, ca=authority.file):
        files = {"client_certificate": shown.certificate, "client_key": shown.key} if shown else {}
        return await check_link(
            url_of(lab), credentials, settings=ClientSettings(ca_file=ca, **files)
        )

    assert await check(holder) == (Found.GOOD, "the server takes this device")
    for shown, ca, words in (
        (None, authority.file, "none was shown"),
        (authority.sign("other"), authority.file, "not the one that is bound"),
        (authority.sign("old", days=-1), authority.file, "it has expired"),
        (stranger.sign("far"), authority.file, "perhaps the server does not know"),
        (holder, stranger.file, "certificate of the server is not trusted"),
    ):
        found, said = await check(shown, ca)
        assert (found, words in said) == (Found.CERTIFICATE, True), said
        assert given["device_token"] not in said
