"""A mercure.json with everything in it imports, and what it says is done: nothing is left out."""

import base64
import io
import json
import sys
import zipfile
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import asyncssh
import httpx
import obstore
import pydicom
import pytest
from everything_of_mercure import (
    MADE,
    MODULE,
    MODULE_OPTIONS,
    RULE_OPTIONS,
    TARGET_TYPES,
    write_configuration,
)
from fastapi import Response
from images import SERIES, storescp
from obstore.store import S3Store
from programs import require_program
from test_rsync import Shell
from test_senders import (
    OnlyTester,
    certificates,  # noqa: F401 - a fixture
    s3_server,  # noqa: F401 - a fixture
    stow_answer,
    web_server,
)
from workflow_service import a_port, until

from scanhub.mercure.bring import bring
from scanhub.mercure.translate import read_configuration
from scanhub.remote import Server
from scanhub_libraries.models.target import TARGET_CLASSES

sys.path.insert(0, str(Path(__file__).parents[1] / "notifications"))
from sinks import mail_sink, web_sink

pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]
UIDS = {f"{SERIES}.1", f"{SERIES}.2"}


@asynccontextmanager
async def ssh_host(folder):
    """A host that is reached by SFTP, and by rsync over SSH."""
    require_program("rsync"), require_program("ssh")
    key = asyncssh.generate_private_key("ssh-ed25519")
    for name in ("sftp", "rsync"):
        (folder / name).mkdir()
    script = folder / "rsync" / "mercure_complete.sh"
    script.write_text('#!/bin/sh\necho "$2" > "$1/told"\n')
    script.chmod(0o700)
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=OnlyTester,
        server_host_keys=[key],
        sftp_factory=True,
        process_factory=(shell := Shell()),
        encoding=None,
    )
    async with server:
        yield {
            "host": "127.0.0.1",
            "port": server.get_port(),
            "user": "tester",
            "password": "right",
            "host_key": key.export_public_key().decode().strip(),
        }
    await shell.ended()


def web_answer(request, body):
    """Answer as a DICOMweb server that stores everything, and as an XNAT."""
    if request.url.path == "/data/services/import":
        return Response(status_code=200)
    images = [pydicom.dcmread(io.BytesIO(part)) for part in parts_of(request, body)]
    return stow_answer([image.SOPInstanceUID for image in images], [], 200)()


def parts_of(request, body):
    boundary = request.headers["content-type"].rpartition("boundary=")[2].strip('"')
    parts = body.split(f"--{boundary}".encode())[1:-1]
    return [part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for part in parts]


def uids_below(folder):
    return {str(pydicom.dcmread(path).SOPInstanceUID) for path in folder.rglob("*.dcm")}


async def import_it(service, path):
    """Import the file; return what became of each thing in it."""
    found = read_configuration(path)
    return {
        one.what: (one.became.value, one.detail) async for one in bring(found, Server(service.user))
    }


def test_the_file_has_every_type_of_target_and_every_option(tmp_path):
    document = json.loads(write_configuration(tmp_path, {}, "x", "http://127.0.0.1").read_text())
    assert {t.get("target_type", "dicom") for t in document["targets"].values()} == TARGET_TYPES
    assert set(TARGET_CLASSES) == TARGET_TYPES
    assert {key for rule in document["rules"].values() for key in rule} == RULE_OPTIONS
    assert set(document["modules"]["derive"]) == MODULE_OPTIONS


@asynccontextmanager
async def peers(tmp_path, *, node, keys, bucket):
    """Whoever images go to, and what the file says of each target."""
    for name in ("share", "disk", "models"):
        (tmp_path / name).mkdir()
    (tmp_path / "models" / "model.txt").write_text("weights")
    key, pem = keys / "peer.key", keys / "peer.pem"
    options = ("+tls", str(key), str(pem), "+cf", str(pem), "-rc")
    secure, program = a_port(), require_program("storescp")
    async with ssh_host(tmp_path) as host, web_server(web_answer) as (web, asked):
        async with httpx.AsyncClient(base_url=bucket["endpoint_url"]) as s3:
            assert (await s3.put("/images")).status_code == 200
        ours = {"tls_key": str(key), "tls_cert": str(pem), "ca_cert": str(pem)}
        places = {
            "pacs": {"ip": "127.0.0.1", "port": str(node.port)},
            "reply": {"port": node.port},
            "secure": {"port": secure, **ours},
            "cloud": {"url": f"{web}/dicom-web"},
            "share": {"url": f"file://{tmp_path / 'share'}"},
            "research": {**host, "folder": str(tmp_path / "sftp")},
            "backup": {**host, "folder": str(tmp_path / "rsync")},
            "disk": {"folder": str(tmp_path / "disk")},
            "bucket": bucket,
            "xnat": {"host": web},
        }
        with storescp(program, tmp_path / "secure", secure, *options):
            yield places, asked


@pytest.fixture
async def moved(
    working,
    boxes,
    *,
    node,
    tmp_path,
    certificates,  # noqa: F811
    s3_server,  # noqa: F811
):
    """An installation that a file with everything was imported into, and whoever hears of it."""
    settings = {
        "module_runtime": "podman",
        "module_volumes": (tmp_path / "models",),
        "series_quiet_s": 1.0,
        "series_closed_quiet_s": 0.2,
        "connect_timeout_s": 20.0,
        "smtp_host": "127.0.0.1",
        "smtp_security": "none",
        "webhook_http": True,
        "webhook_local": True,
    }
    async with (
        peers(tmp_path, node=node, keys=certificates, bucket=s3_server) as (places, web),
        web_sink() as (hook, url),
        mail_sink() as (mail, port),
        working(dicom_port=(dicom := a_port()), smtp_port=port, **settings) as works,
    ):
        image = boxes("derive", "python3", "-c", MODULE)
        path = write_configuration(tmp_path, places, image, url)
        yield SimpleNamespace(works=works, path=path, web=web, hook=hook, mail=mail, dicom=dicom)


async def test_it_imports_and_each_target_gets_what_its_rule_says(
    moved,
    *,
    node,
    tmp_path,
    s3_server,  # noqa: F811
):
    works = moved.works
    made = await import_it(works.service, moved.path)
    assert {became for became, _ in made.values()} == {"made"}, made
    again = await import_it(works.service, moved.path)
    assert {became for became, _ in again.values()} == {"unchanged"}, again

    await works.ward.send(moved.dicom, SERIES, 1, 2)
    run = await works.run("succeeded", "failed")
    assert run["state"] == "succeeded", (run["reason"], await works.log(run))
    await until(lambda: all_ended(works.service), 120)
    dispatches = await works.service.get("/dispatches?limit=500")
    await until(lambda: moved.hook.got and len(moved.mail.mails) == 2, 60)
    sent = {(one["target"], one["status"]) for one in dispatches}
    targets = [what.removeprefix("target ") for what in made if what.startswith("target ")]
    assert sent == {(target, "sent") for target in targets}

    assert Counter(node.received) == dict.fromkeys(UIDS, 2)  # pacs, and back to the sender
    check_folders(tmp_path)
    check_web(moved.web)
    check_bucket(s3_server["endpoint_url"], s3_server["prefix"])
    check_module(run)
    (document,) = moved.hook.documents
    assert (document["event"], document["text"]) == ("COMPLETED", "derive: derive: all is well")
    recipients = {address for addresses, _ in moved.mail.mails for address in addresses}
    assert recipients == {"a@example.org", "b@example.org"}


def check_folders(root):
    for name in ("share", "sftp", "rsync"):
        assert uids_below(root / name) == UIDS, name
        assert len(list((root / name).glob("*/.complete"))) == 1
    assert [path.read_text() for path in (root / "rsync").glob("*/told")] == ["backup\n"]
    stored = [pydicom.dcmread(path).SOPInstanceUID for path in (root / "secure").iterdir()]
    assert set(stored) == UIDS
    # What the module made, and what it was made of: the rule retains that.
    assert uids_below(root / "disk") == UIDS | {f"{MADE}.1", f"{MADE}.2"}


def check_module(run):
    (output,) = run["outputs"]
    told = {name: output["result"][name] for name in ("settings", "licence", "model")}
    settings = {"threshold": 7, "name": "of the module"}
    assert told == {"settings": settings, "licence": "licence-secret", "model": "weights"}


async def all_ended(service):
    """Return whether every case has ended, each well."""
    cases = await service.get("/cases?limit=100")
    by_rule = {case["rule"]: case["state"] for case in cases}
    assert "failed" not in by_rule.values(), cases
    wanted = {"everywhere", "derive", "told", "studies"}
    return set(by_rule) == wanted and set(by_rule.values()) == {"done"}


def check_web(asked):
    posted = [(request, body) for request, body in asked if request.method == "POST"]
    by_path = {request.url.path: (request, body) for request, body in posted}
    assert set(by_path) == {"/dicom-web/studies", "/data/services/import"}
    login = {"/dicom-web/studies": b"north:right", "/data/services/import": b"u:pw"}
    for path, (request, _) in by_path.items():
        shown = base64.b64decode(request.headers["authorization"].removeprefix("Basic "))
        assert shown == login[path]
    _, body = by_path["/data/services/import"]
    assert b"P-1_20260102" in body
    with zipfile.ZipFile(io.BytesIO(body[body.index(b"PK\x03\x04") :])) as archive:
        images = [pydicom.dcmread(io.BytesIO(archive.read(name))) for name in archive.namelist()]
    assert {image.SOPInstanceUID for image in images} == UIDS
    stowed = [pydicom.dcmread(io.BytesIO(one)) for one in parts_of(*by_path["/dicom-web/studies"])]
    assert {image.SOPInstanceUID for image in stowed} == UIDS


def check_bucket(url, prefix):
    store = S3Store(
        "images",
        config={"endpoint": url, "access_key_id": "id", "secret_access_key": "secret"},
        client_options={"allow_http": True},
    )
    names = [row["path"] for page in obstore.list(store, prefix) for row in page]
    assert len([name for name in names if name.endswith(".complete")]) == 1
    images = [bytes(obstore.get(store, name).bytes()) for name in names if name.endswith(".dcm")]
    found = {pydicom.dcmread(io.BytesIO(image)).SOPInstanceUID for image in images}
    assert found == UIDS
