"""`scanhub serve` with TLS of its own, a device with a certificate, and what is wrong without."""

import asyncio
import json
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

sys.path.append(str(Path(__file__).parents[1] / "device_manager"))
sys.path.insert(0, str(Path(__file__).parent))

from authority import Authority, Holder
from conftest import Installation, opened_scene

pytestmark = [pytest.mark.system]
DEVICE = "/api/v1/device"


class SecureInstallation(Installation):
    """The same over TLS."""

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"


async def output_of(installation: Installation, *arguments: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=installation.data_dir,
    )
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, out.decode()


async def check(
    installation: Installation, credentials: Path, authority: Authority, shown: Holder
) -> tuple[int | None, str]:
    return await output_of(
        installation,
        *("scanhub_device", "check", *as_device(installation, credentials, authority, shown)),
    )


def as_device(
    installation: Installation, credentials: Path, authority: Authority, shown: Holder
) -> tuple[str, ...]:
    return (
        *("--url", f"wss://localhost:{installation.port}{DEVICE}/ws"),
        *("--credentials", str(credentials), "--ca", str(authority.file)),
        *("--client-cert", str(shown.certificate), "--client-key", str(shown.key)),
    )


@pytest.fixture
async def secure(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Installation]:
    server = authority.sign("server")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    installation = SecureInstallation(tmp_path)
    tls = ("--ssl-certfile", str(server.certificate), "--ssl-keyfile", str(server.key))
    try:
        await installation.start(*tls, "--ssl-ca-certs", str(authority.file))
        yield installation
        assert "Traceback" not in installation.log, installation.log
        assert await installation.stop() == 0
    finally:
        await installation.end()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "ca")


@pytest.mark.long
async def test_a_device_scans_over_tls_with_the_certificate_that_is_bound_to_it(
    secure: Installation, authority: Authority, tmp_path: Path
) -> None:
    holder, other = authority.sign("scanner"), authority.sign("other")
    trusted = ssl.create_default_context(cafile=authority.file)
    people = httpx.AsyncClient(base_url=secure.url, timeout=30, verify=trusted)
    async with people, opened_scene(secure, tmp_path, people) as scene:
        credentials = scene.data.credentials
        path = f"/device/{scene.data.device_id}/certificate"
        await scene.api.call("PUT", path, json={"certificate_pem": holder.pem})
        for shown, code, words in (
            (holder, 0, "takes this device"),
            (other, 5, "not the one that is bound"),
            (authority.sign("old", days=-1), 5, "it has expired"),
        ):
            found, said = await check(secure, credentials, authority, shown)
            assert (found, words in said) == (code, True), said
        device = as_device(secure, credentials, authority, holder)
        await secure.run_beside("scanner", "scanhub_device.simulator", "--time-scale", "0", *device)
        await scene.until("device.connected", device_id=scene.data.device_id)
        task = scene.data.acquisition_task_id
        await scene.api.call("POST", f"/workflowmanager/trigger_task/{task}/")
        await scene.until("exam.task.finished", task_id=task)
    assert f"https://127.0.0.1:{secure.port}" in secure.log
    assert "not the one that is bound" in secure.log
    assert json.loads(credentials.read_text())["device_token"] not in secure.log


def test_a_client_trusts_who_is_named_now_whoever_was_named_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "second"):
        monkeypatch.setenv("SSL_CERT_FILE", str(Authority(tmp_path, name).file))
        (known,) = httpx.AsyncHTTPTransport()._pool._ssl_context.get_ca_certs()
        assert known["subject"] == ((("commonName", name),),)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--ssl-keyfile", "server.key"), "go with --ssl-certfile"),
        (("--ssl-certfile", "nowhere.pem"), "cannot be used"),
        (("--ssl-certfile", "server.pem", "--ssl-keyfile", "other.key"), "cannot be used"),
        (
            ("--ssl-certfile", "server.pem", "--ssl-keyfile", "server.key",
             "--ssl-ca-certs", "other.key"),
            "cannot be used",
        ),
    ],
)  # fmt: skip
@pytest.mark.long
async def test_certificates_that_cannot_be_used_end_the_start_with_a_sentence(
    tmp_path: Path, authority: Authority, arguments: tuple[str, ...], words: str
) -> None:
    authority.sign("server")
    authority.sign("other")
    installation = Installation(tmp_path)
    serve = ("scanhub", "serve", "--data-dir", "data", "--port", str(installation.port))
    code, said = await output_of(installation, *serve, *arguments)
    assert (code, words in said) == (1, True), said
    assert "Traceback" not in said
