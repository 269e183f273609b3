"""Each sender brings images to a real peer, and says what is wrong where it cannot."""

import datetime as dt
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import asyncssh
import httpx
import obstore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI, Request, Response
from images import SERIES, data_set_bytes, storescp, write_instance
from moto.server import ThreadedMotoServer
from obstore.store import S3Store
from programs import require_program
from workflow_service import a_port, over_http

from scanhub_libraries.ids import new_id
from scanhub_libraries.models import TargetIn
from workflow_manager.senders.port import Item, Pace, SendReport, Shipment
from workflow_manager.senders.registry import Senders


@pytest.fixture
def senders():
    with ThreadPoolExecutor(max_workers=2) as threads:
        yield Senders(threads, connect_timeout_s=5.0, timeout_s=5.0)


@pytest.fixture
def sender_of(senders):
    def make(target_type, **settings):
        wanted = {"name": "There", "target_type": target_type, **settings}
        return senders.make(TargetIn.model_validate(wanted).root)

    return make


@pytest.fixture
def shipment(tmp_path):
    paths = [write_instance(tmp_path / "from", number) for number in (1, 2, 3)]
    items = [Item(f"{SERIES}.{path.stem}", path) for path in paths]
    return Shipment(id=new_id(), items=items, patient_id="P-1", study_date="20260102")


async def send(sender, shipment):
    report = SendReport()
    await sender.send(shipment, report)
    return report


async def last_step(sender):
    steps = await sender.test()
    assert all(step.ok for step in steps[:-1])
    return steps[-1]


def uids(shipment):
    return [item.sop_instance_uid for item in shipment.items]


# --- folder ---------------------------------------------------------------------------------------


@pytest.mark.disk
async def test_a_folder_gets_whole_files_and_then_the_word_that_all_is_there(
    sender_of, shipment, tmp_path
):
    (tmp_path / "to").mkdir()
    sender = sender_of("folder", folder=str(tmp_path / "to"))
    for _ in range(2):  # the second time, after a crash, changes nothing
        report = await send(sender, shipment)
        assert (report.sent, report.failed) == (uids(shipment), {})
    folder = tmp_path / "to" / str(shipment.id)
    assert {p.name for p in folder.iterdir()} == {*(i.name for i in shipment.items), ".complete"}
    for item in shipment.items:
        assert (folder / item.name).read_bytes() == item.path.read_bytes()
    assert (await last_step(sender)).ok
    assert [path.name for path in (tmp_path / "to").iterdir()] == [str(shipment.id)]


async def test_a_folder_that_is_not_there_is_not_made(sender_of, shipment, tmp_path):
    sender = sender_of("folder", folder=str(tmp_path / "mount"))
    report = await send(sender, shipment)
    assert report.error == f"3 of 3 not sent: There is no folder {tmp_path / 'mount'}."
    assert not (tmp_path / "mount").exists()
    assert (await last_step(sender)).name == "folder"


async def test_one_file_that_cannot_be_copied_fails_alone_and_nothing_is_complete(
    sender_of, shipment, tmp_path
):
    (tmp_path / "to").mkdir()
    sender = sender_of("folder", folder=str(tmp_path / "to"))
    shipment.items[1].path.unlink()
    report = await send(sender, shipment)
    assert (len(report.sent), list(report.failed)) == (2, [uids(shipment)[1]])
    assert not (tmp_path / "to" / str(shipment.id) / ".complete").exists()


async def test_what_a_filter_names_stays_here(sender_of, shipment, tmp_path):
    (tmp_path / "to").mkdir()
    sender = sender_of("folder", folder=str(tmp_path / "to"), file_filter=["*.2.dcm"])
    assert (await send(sender, shipment)).failed == {}
    names = {path.name for path in (tmp_path / "to" / str(shipment.id)).iterdir()}
    assert names == {f"{SERIES}.1.dcm", f"{SERIES}.3.dcm", ".complete"}


def test_the_pace_is_shared_by_all_who_send_to_a_target():
    pace = Pace(1000)
    assert pace.delay_s(500) == 0
    assert 0.4 < pace.delay_s(500) <= 0.5
    assert 0.9 < pace.delay_s(1) <= 1.0
    assert Pace(None).delay_s(10**12) == 0


def test_the_pace_is_shared_out_among_processes_as_many_series_as_each_sends():
    pace = Pace(8192, clock=lambda: 0.0)
    pace.take_share(here=1, everywhere=4)
    assert (pace.delay_s(2048), pace.delay_s(0)) == (0.0, 1.0)
    pace.take_share(here=3, everywhere=4)
    pace.delay_s(6144)
    assert pace.delay_s(0) == 2.0
    pace.take_share(here=1, everywhere=0)  # nobody counts what is ending
    pace.delay_s(8192)
    assert pace.delay_s(0) == 3.0
    assert pace.at_once(2**20) == 4096


# --- DICOM over TLS -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A certificate for 127.0.0.1 that vouches for itself, and its key."""
    folder, key = tmp_path_factory.mktemp("tls"), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "peer")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "peer.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "peer.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return folder


async def test_dicom_over_tls_with_certificates_on_both_sides(
    sender_of, shipment, tmp_path, certificates
):
    program, port = require_program("storescp"), a_port()
    key, pem = certificates / "peer.key", certificates / "peer.pem"
    node = {"ip": "127.0.0.1", "port": port, "aet_target": "PEER"}
    trusted = {**node, "ca_cert": pem.read_text()}
    ours = {"tls_cert": pem.read_text(), "tls_key": key.read_text()}
    options = ("+tls", str(key), str(pem), "+cf", str(pem), "-rc")
    with storescp(program, tmp_path / "in", port, *options):
        report = await send(sender_of("dicomtls", **trusted, **ours), shipment)
        assert (report.sent, report.failed) == (uids(shipment), {})
        assert (await last_step(sender_of("dicomtls", **trusted, **ours))).name == "AE title"
        unknown = await last_step(sender_of("dicomtls", **node, **ours))
        assert (unknown.name, unknown.ok) == ("tls", False)
        assert "not accepted" in unknown.detail
        report = await send(sender_of("dicomtls", **node, **ours), shipment)
        assert "not accepted" in report.error
        broken = await send(sender_of("dicomtls", **trusted, tls_cert="none"), shipment)
        assert "cannot be read" in broken.error
    stored = sorted((tmp_path / "in").iterdir())
    assert [data_set_bytes(p) for p in stored] == [data_set_bytes(i.path) for i in shipment.items]


async def test_images_go_back_to_whoever_sent_them_under_the_names_that_were_used(
    sender_of, shipment, tmp_path
):
    program, port = require_program("storescp"), a_port()
    node = sender_of("dicom", ip="sender", port=port, aet_target="X", pass_receiver_aet=True)
    assert "address" in (await send(node, shipment)).error
    known = Shipment(shipment.id, shipment.items, sender_address="127.0.0.1", receiver_aet="PEER")
    with storescp(program, tmp_path / "in", port):
        assert (await send(node, known)).sent == uids(shipment)


# --- DICOMweb -------------------------------------------------------------------------------------


@asynccontextmanager
async def web_server(answer):
    app, asked = FastAPI(), []

    @app.api_route("/{path:path}", methods=["GET", "POST", "DELETE"])
    async def every(request: Request) -> Response:
        body = await request.body()
        asked.append((request, body))
        return answer(request, body)

    async with over_http(app) as url:
        yield url, asked


def stow_answer(stored, failed, status):
    def sequence(uids, **more):
        return {
            "vr": "SQ",
            "Value": [{"00081155": {"vr": "UI", "Value": [u]}, **more} for u in uids],
        }

    reason = {"00081197": {"vr": "US", "Value": [0xA700]}}
    document = {"00081199": sequence(stored), "00081198": sequence(failed, **reason)}
    return lambda *_: Response(
        content=json.dumps(document),
        status_code=status,
        media_type="application/dicom+json",
    )


async def test_dicomweb_stores_what_the_server_says_it_stored(sender_of, shipment):
    one, two, three = uids(shipment)
    async with web_server(stow_answer([one, three], [two], 202)) as (url, asked):
        sender = sender_of("dicomweb", url=f"{url}/rs", access_token="s3cret")
        report = await send(sender, shipment)
    assert report.sent == [one, three]
    assert report.failed == {two: "The server did not store it: out of resources."}
    ((request, body),) = asked
    assert request.url.path == "/rs/studies"
    assert request.headers["authorization"] == "Bearer s3cret"
    boundary = request.headers["content-type"].rpartition("boundary=")[2]
    parts = body.split(f"--{boundary}".encode())[1:-1]
    contents = [part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for part in parts]
    assert contents == [item.path.read_bytes() for item in shipment.items]


async def test_dicomweb_says_that_a_login_is_wrong(sender_of, shipment):
    async with web_server(lambda *_: Response(status_code=401)) as (url, _):
        sender = sender_of("dicomweb", url=url, http_user="u", http_password="p")
        assert (await last_step(sender)).name == "login"
        assert "refuses the login" in (await send(sender, shipment)).error


async def test_dicomweb_believes_no_success_that_is_not_told(sender_of, shipment):
    async with web_server(stow_answer([], [], 200)) as (url, _):
        report = await send(sender_of("dicomweb", url=url), shipment)
    assert set(report.failed.values()) == {"The server did not say that it stored it."}
    nobody = await send(sender_of("dicomweb", url=f"http://127.0.0.1:{a_port()}"), shipment)
    assert "Nobody answers" in nobody.error


# --- SFTP -----------------------------------------------------------------------------------------


class OnlyTester(asyncssh.SSHServer):
    """Lets one user in, by password or by key."""

    def begin_auth(self, _username):
        return True

    def password_auth_supported(self):
        return True

    def validate_password(self, username, password):
        return (username, password) == ("tester", "right")


@pytest.fixture
async def ssh_server(tmp_path):
    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.listen(
        "127.0.0.1", 0, server_factory=OnlyTester, server_host_keys=[key], sftp_factory=True
    )
    (tmp_path / "to").mkdir()
    async with server:
        yield {
            "host": "127.0.0.1",
            "port": server.get_port(),
            "folder": str(tmp_path / "to"),
            "user": "tester",
            "password": "right",
            "host_key": key.export_public_key().decode().strip(),
        }


async def test_sftp_puts_whole_files_and_then_the_word_that_all_is_there(
    sender_of, shipment, ssh_server, tmp_path
):
    sender = sender_of("sftp", **ssh_server)
    for _ in range(2):
        report = await send(sender, shipment)
        assert (report.sent, report.failed) == (uids(shipment), {})
    folder = tmp_path / "to" / str(shipment.id)
    assert {p.name for p in folder.iterdir()} == {*(i.name for i in shipment.items), ".complete"}
    for item in shipment.items:
        assert (folder / item.name).read_bytes() == item.path.read_bytes()
    assert (await last_step(sender)).ok


async def test_sftp_names_the_step_that_failed(sender_of, shipment, ssh_server):
    wrong = sender_of("sftp", **{**ssh_server, "password": "wrong"})
    assert (await last_step(wrong)).name == "login"
    assert "refuses the login" in (await send(wrong, shipment)).error
    nowhere = sender_of("sftp", **{**ssh_server, "folder": "/nowhere/at/all"})
    assert (await last_step(nowhere)).name == "folder"
    assert len((await send(nowhere, shipment)).failed) == 3
    down = sender_of("sftp", **{**ssh_server, "port": a_port()})
    assert (await last_step(down)).name == "connection"


async def test_sftp_sends_to_no_host_whose_key_nobody_looked_at(sender_of, shipment, ssh_server):
    unknown = sender_of("sftp", **{**ssh_server, "host_key": ""})
    step = await last_step(unknown)
    assert (step.name, step.ok) == ("host key", False)
    assert ssh_server["host_key"] in step.detail
    assert "host_key is empty" in (await send(unknown, shipment)).error
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    changed = sender_of("sftp", **{**ssh_server, "host_key": other})
    assert (await last_step(changed)).name == "host key"
    assert "another key" in (await send(changed, shipment)).error


# --- S3 -------------------------------------------------------------------------------------------


@pytest.fixture
def s3_server():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield {
        "endpoint_url": f"http://{host}:{port}",
        "bucket": "images",
        "prefix": "from/scanner",
        "access_key_id": "id",
        "secret_access_key": "secret",
    }
    server.stop()


async def test_s3_gets_whole_objects_and_then_the_word_that_all_is_there(
    sender_of, shipment, s3_server
):
    nowhere = await send(sender_of("s3", **s3_server), shipment)
    assert nowhere.error == "3 of 3 not sent: There is no bucket 'images'."
    url = s3_server["endpoint_url"]
    async with httpx.AsyncClient(base_url=url) as client:
        assert (await client.put("/images")).status_code == 200
        report = await send(sender_of("s3", **s3_server), shipment)
        assert (report.sent, report.failed) == (uids(shipment), {})
    store = S3Store(
        "images",
        config={"endpoint": url, "access_key_id": "id", "secret_access_key": "secret"},
        client_options={"allow_http": True},
    )
    place = f"from/scanner/{shipment.id}"
    for item in shipment.items:
        stored = await obstore.get_async(store, f"{place}/{item.name}")
        assert bytes(await stored.bytes_async()) == item.path.read_bytes()
    assert (await obstore.head_async(store, f"{place}/.complete"))["size"] == 0
    assert (await last_step(sender_of("s3", **s3_server))).ok
    down = {**s3_server, "endpoint_url": f"http://127.0.0.1:{a_port()}"}
    assert "Nobody answers" in (await last_step(sender_of("s3", **down))).detail


# --- the rest -------------------------------------------------------------------------------------


async def test_a_dummy_takes_everything(sender_of, shipment):
    sender = sender_of("dummy")
    assert (await send(sender, shipment)).sent == uids(shipment)
    assert (await last_step(sender)).ok
