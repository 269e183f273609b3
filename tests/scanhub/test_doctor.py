"""The doctor says what is wrong with an installation, and what to do."""

import json
import socket
import sqlite3
from contextlib import closing, contextmanager
from datetime import timedelta

import pytest
from bucket_service import bucket_services, new_bucket
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from ports import a_port
from pydantic import SecretStr
from typer.testing import CliRunner

from scanhub.cli import app
from scanhub.doctor.bucket import look_at_bucket
from scanhub.doctor.command import examine
from scanhub.doctor.network import look_at_targets
from scanhub.doctor.places import look_at_certificates
from scanhub_libraries.clock import utc_now
from scanhub_libraries.security.tokens import load_or_create_keys
from workflow_manager.settings import WorkflowManagerSettings
from workflow_manager.targets.models import Target


@pytest.fixture
def healthy(house):
    """The settings of an installation without a fault."""
    settings = house.settings.model_copy(
        update={"backup_dir": house.place.root, "port": a_port(), "dicom_port": a_port()}
    )
    load_or_create_keys(settings.keys_dir)
    settings.target_secrets_key()
    for service in ("exam-manager", "device-manager", "workflow-manager"):
        settings.service_secret(service)
    return settings


async def found(settings):
    """Return state, detail and advice by name."""
    return {one.name: (one.state, one.detail, one.advice) for one in await examine(settings)}


def workflow_of(settings):
    return WorkflowManagerSettings(
        database_url="sqlite+aiosqlite://",
        engine_database_url="sqlite://",
        lake_root=settings.lake_root,
    )


async def test_a_healthy_installation_has_nothing_that_failed(healthy, house):
    await house.back_up()
    seen = await found(healthy)
    about_this_machine = {"clock", *(name for name in seen if name.startswith("disk of"))}
    wrong = {n: s for n, s in seen.items() if s[0] != "ok" and n not in about_this_machine}
    assert wrong == {}
    assert {"database of engine", "key signing.pem", "backup", "data folder"} <= set(seen)


def test_each_line_has_a_state_what_was_seen_and_what_to_do(house):
    done = CliRunner().invoke(
        app,
        ["doctor", "--data-dir", str(house.settings.data_dir / "none"), "--port", str(a_port())],
    )
    assert done.exit_code == 1
    assert "failed  data folder: " in done.output
    assert "        -> start the server once, or see --data-dir" in done.output
    assert done.output.splitlines()[-1].endswith(" failed.")


def test_programs_read_it_as_json(house):
    port = str(a_port())
    folder = str(house.settings.data_dir)
    done = CliRunner().invoke(app, ["doctor", "--data-dir", folder, "--port", port, "--json"])
    document = json.loads(done.output)
    assert {"name", "state", "detail", "advice"} == set(document["findings"][0])
    assert (done.exit_code == 0) == (document["counts"].get("failed", 0) == 0)


async def test_what_others_can_read_and_what_is_no_key_is_told(healthy):
    healthy.data_dir.chmod(0o755)
    (healthy.keys_dir / "signing.pem").chmod(0o644)
    (healthy.keys_dir / "device-tokens.key").write_text("short")
    (healthy.keys_dir / "target-secrets.key").write_text("no key")
    seen = await found(healthy)
    assert seen["data folder"][0] == "warning"
    assert seen["key signing.pem"][::2] == (
        "warning",
        f"close it: chmod 600 {healthy.keys_dir / 'signing.pem'}",
    )
    assert seen["key device-tokens.key"][0] == "failed"
    assert seen["key target-secrets.key"][0] == "failed"


@pytest.mark.parametrize(("revision", "state"), [("0033", "warning"), ("9999", "failed")])
async def test_a_schema_of_another_version_is_told(healthy, revision, state):
    path = healthy.data_dir / "databases" / "workflow-manager.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT version_num FROM alembic_version_workflow_manager"
        (newest,) = connection.execute(query).fetchone()
        older = "0001" + newest[4:] if len(newest) > 4 else "0001"
        wanted = older if state == "warning" else revision
        connection.execute("UPDATE alembic_version_workflow_manager SET version_num = ?", (wanted,))
        connection.commit()
    seen = await found(healthy)
    assert seen["database of workflow-manager"][0] == state


async def test_a_database_that_does_not_answer_is_told(healthy):
    url = f"postgresql+asyncpg://scanhub:secret@127.0.0.1:{a_port()}/exam"
    seen = await found(healthy.model_copy(update={"exam_database_url": url}))
    state, detail, _ = seen["database of exam-manager"]
    assert state == "failed"
    assert "secret" not in detail


@contextmanager
def somebody_at(port):
    """A program that takes connections and says nothing that we know."""
    with socket.create_server(("127.0.0.1", port)):
        yield


async def test_a_port_that_somebody_else_has_is_told(healthy, monkeypatch):
    monkeypatch.setattr("scanhub.doctor.network._WAIT_S", 0.3)
    with somebody_at(healthy.port), somebody_at(healthy.dicom_port):
        seen = await found(healthy)
    assert seen[f"port {healthy.port} (HTTP)"][0] == "failed"
    assert seen[f"port {healthy.dicom_port} (DICOM)"][0] == "failed"


async def test_a_target_that_does_not_answer_is_told_and_others_are_not(healthy, house):
    document = {"ip": "127.0.0.1", "port": a_port(), "aet_target": "ARCHIVE"}
    await house.execute(
        Target(name="down", document=document),
        Target(name="off", document=document, enabled=False),
        Target(name="nowhere", target_type="dummy", document={}),
    )
    seen = {one.name: one for one in await look_at_targets(healthy, workflow_of(healthy))}
    assert {name: one.state for name, one in seen.items()} == {
        "target down": "failed",
        "target nowhere": "ok",
    }
    assert seen["target down"].advice


def certificate(folder, days):
    """Make a certificate that is good for so many days; return it, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mri.example.org")])
    now = utc_now()
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=100))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    chain, private = folder / "server.pem", folder / "server.key"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return chain, private


@pytest.mark.parametrize(("days", "state"), [(-1, "failed"), (20, "warning"), (90, "ok")])
def test_it_is_told_when_a_certificate_expires(house, tmp_path, days, state):
    chain, key = certificate(tmp_path, days)
    settings = house.settings.model_copy(update={"ssl_certfile": chain, "ssl_keyfile": key})
    (seen,) = look_at_certificates(settings, workflow_of(settings), utc_now())
    assert (seen.name, seen.state) == ("certificate of the server", state)


def test_a_key_of_another_certificate_is_told(house, tmp_path):
    chain, _ = certificate(tmp_path, 90)
    (tmp_path / "other").mkdir()
    _, key = certificate(tmp_path / "other", 90)
    settings = house.settings.model_copy(update={"ssl_certfile": chain, "ssl_keyfile": key})
    (seen,) = look_at_certificates(settings, workflow_of(settings), utc_now())
    assert (seen.state, "cannot be used" in seen.detail) == ("failed", True)


async def test_an_old_backup_and_none_are_told(healthy, house, monkeypatch):
    assert (await found(healthy))["backup"][0] == "failed"
    await house.back_up()
    later = utc_now() + timedelta(days=3)
    monkeypatch.setattr("scanhub.doctor.command.utc_now", lambda: later)
    assert (await found(healthy))["backup"][0] == "warning"


async def test_databases_of_postgresql_are_looked_at_with_their_clocks(postgresql_house):
    settings = postgresql_house.settings.model_copy(update={"port": a_port()})
    seen = await found(settings)
    names = ("exam-manager", "device-manager", "workflow-manager", "engine")
    for name in names:
        assert seen[f"database of {name}"][0] == "ok"
        assert seen[f"clock of the database of {name}"][0] == "ok"


def test_the_bucket_of_results_is_tried(house, monkeypatch):
    monkeypatch.setattr("scanhub_libraries.bucket._RETRIES", 0)
    assert look_at_bucket(house.settings) == []
    with bucket_services() as endpoint:
        new_bucket(endpoint, "results")
        changes = {
            "lake_url": "s3://results",
            "lake_endpoint": endpoint,
            "lake_access_key_id": "id",
            "lake_secret_access_key": SecretStr("secret"),
        }
        settings = house.settings.model_copy(update=changes)
        (good,) = look_at_bucket(settings)
    (away,) = look_at_bucket(settings)
    assert (good.state, away.state) == ("ok", "failed")
    assert "nobody answers" in away.detail
