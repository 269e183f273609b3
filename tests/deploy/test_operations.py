"""What an administrator does with the deployment: certificates of devices, backup and restore."""

import asyncio
import json
import subprocess
from dataclasses import replace
from urllib.parse import quote

import pytest
from asking import eventually, opened
from sent_series import send, write_series
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from scanhub_device.checking import Found, check_link
from scanhub_device.credentials import Credentials
from scanhub_device.settings import ClientSettings

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(900)]
API_SERVICES = ("exam-manager", "device-manager-1", "device-manager-2", "workflow-manager")
WITH_SECRET = {
    "name": "sealed",
    "target_type": "dicomweb",
    "url": "http://archive:9/",
    "http_user": "ada",
    "http_password": "a secret of some length",
}


@pytest.fixture
def certificate(deployment):
    """Certificate and key of a device, signed by whom the gateway knows."""
    folder = deployment.folder
    key, request, signed = (folder / f"scanner.{end}" for end in ("key", "csr", "pem"))
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key)
    _openssl("req", *curve, "-subj", "/CN=scanner", "-out", request)
    authority = ("-CA", folder / "device-ca.pem", "-CAkey", folder / "device-ca.key")
    _openssl("x509", "-req", "-in", request, *authority, "-days", "30", "-out", signed)
    return signed, key


def _openssl(*arguments) -> None:
    command = ["openssl", *(str(argument) for argument in arguments)]
    subprocess.run(command, check=True, capture_output=True)


async def test_a_device_with_a_certificate_gets_in_with_it_alone(deployment, certificate):
    signed, key = certificate
    async with opened(deployment) as api:
        device = {"name": "With a certificate", "description": "Shows it to the gateway"}
        made = await api.call("POST", "/device/createdevice", json=device)
        path = f"/device/{made['device_id']}/certificate"
        await api.call("PUT", path, json={"certificate_pem": signed.read_text()})
    url = deployment.url.replace("https", "wss", 1) + "/api/v1/device/ws"
    credentials = Credentials.model_validate(made)
    without = ClientSettings(ca_file=deployment.certificate)
    with_it = replace(without, client_certificate=signed, client_key=key)
    found, why = await check_link(url, credentials, settings=without)
    assert found == Found.CERTIFICATE, why
    found, why = await check_link(url, credentials, settings=with_it)
    assert found == Found.GOOD, why
    # who has seen the certificate, and writes it into the header of the gateway, has no key of it
    headers = {
        "Device-Id": made["device_id"],
        "Device-Token": made["device_token"],
        "Client-Cert": quote(signed.read_text(), safe=""),
    }
    with pytest.raises((ConnectionClosed, InvalidStatus)):
        async with connect(url, ssl=deployment.trust, additional_headers=headers) as websocket:
            await websocket.recv()


async def test_a_module_runs_in_a_container_of_the_machine(deployment):
    module = {"name": "copy", "docker_tag": "localhost/scanhub-test/module"}
    rule = {
        "name": "copies",
        "rule": "tags.SeriesDescription == 'for a module'",
        "action": "process",
        "processing_module": "copy",
    }
    async with opened(deployment) as api:
        made = await api.call("POST", "/workflowmanager/modules", json=module)
        assert made["problems"] == []
        await api.call("POST", "/workflowmanager/rules", json=rule)
        _, items = write_series(deployment.folder / "for-a-module", "for a module")
        await asyncio.to_thread(send, deployment, items)

        async def ended():
            runs = await api.call("GET", "/workflowmanager/processing")
            return [run for run in runs if run["state"] not in {"queued", "running"}]

        (run,) = await eventually("the module has run", ended)
        assert run["state"] == "succeeded", run
    # none but the worker of modules could have run it
    with pytest.raises(AssertionError):
        deployment.podman("exec", deployment.container("worker-1"), "ls", "/var/run/docker.sock")


async def test_keys_are_replaced_and_nobody_is_logged_out(deployment):
    async with opened(deployment) as api:
        await api.call("POST", "/workflowmanager/targets", json=WITH_SECRET)
        old = deployment.secrets.joinpath("signing.pem").read_text()
        deployment.run("keys")
        assert deployment.secrets.joinpath("signing.pem").read_text() != old
        deployment.compose("restart", *API_SERVICES)
        paths = ("/userlogin/getcurrentuser", "/device/", "/workflowmanager/targets")
        for path in paths:  # with the token of before
            await eventually(path, lambda path=path: api.call("GET", path))
        assert "1 secrets" in deployment.run("keys", "rotate-keys", "--shared", "--finish")


async def test_a_backup_is_restored_on_an_empty_machine(deployment):
    """The last test: afterwards the installation is another one."""
    deployment.run("backup")
    deployment.run("backup", "backup", "--verify")
    (told,) = deployment.run("backup", "backup", "--list", "--json").splitlines()
    name = json.loads(told)["backup"]["name"]
    before = await _contents(deployment)
    assert before["series"]
    deployment.begin_anew(keys=deployment.backups / "backups" / name / "keys")
    deployment.run("backup", "restore")
    deployment.start()
    assert await _contents(deployment) == before


async def _contents(deployment):
    """Return what an installation has of series and exams, and that its images can be read."""
    async with opened(deployment) as api:
        series = await api.call("GET", "/workflowmanager/series", params={"limit": 500})
        tasks = {row["task_id"] for row in series if row["task_id"]}
        for row in series:
            path = (
                f"/workflowmanager/dicomweb/studies/{row['study_instance_uid']}"
                f"/series/{row['series_instance_uid']}"
            )
            answer = await api.http.get(
                f"/api/v1{path}",
                headers={
                    "Authorization": f"Bearer {api.token}",
                    "Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*',
                },
            )
            assert answer.status_code == 200, answer.text
        states = {task: (await api.call("GET", f"/exam/task/{task}"))["status"] for task in tasks}
    counts = {row["series_instance_uid"]: row["instances"] for row in series}
    return {"series": counts, "tasks": states}
