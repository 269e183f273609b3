"""A demo scan and routed series in the deployment, and what is left of them after each kill."""

import asyncio
import json
import subprocess
import sys

import httpx
import pytest
from asking import SETTLED_S, eventually, opened
from deployment import PROJECT, SERVICES
from sent_series import IMAGES, Sending, send, write_series

from scanhub.demo.data import PlannedScan, create_data
from scanhub.demo.follow import following
from scanhub_device.simulator import default_sequence

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(1800)]
VICTIMS = (*SERVICES, "database")
SLOW = 32 * 1024
"""So that a series takes some seconds, in which something happens [byte/s]."""
TARGET = {
    "name": "archive",
    "target_type": "dicom",
    "ip": "archive",
    "port": 11113,
    "aet_target": "ARCHIVE",
    "max_bytes_per_s": SLOW,
}
RULE = {"name": "all", "rule": "True", "action": "route", "target": ["archive"]}


@pytest.fixture(scope="module")
def stage(deployment):
    """Users, a target, a rule, a scan for each test, and a scanner that stays connected."""
    names = [PlannedScan(f"GRE {name}", default_sequence()) for name in ("demo", *VICTIMS)]

    async def make():
        async with opened(deployment) as api:
            await api.call("POST", "/workflowmanager/targets", json=TARGET)
            await api.call("POST", "/workflowmanager/rules", json=RULE)
            return await create_data(api, names, deployment.folder)

    data = asyncio.run(make())
    url = deployment.url.replace("https", "wss", 1) + "/api/v1/device/ws"
    arguments = ["--url", url, "--credentials", data.credentials, "--ca", deployment.certificate]
    command = [sys.executable, "-m", "scanhub_device.simulator", *arguments, "--time-scale", "1"]
    with (deployment.folder / "scanner.log").open("wb") as log:
        scanner = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log)
    try:
        yield {scan.name.removeprefix("GRE "): scan for scan in data.scans}
    finally:
        scanner.terminate()
        scanner.wait(30)


def in_archive(deployment, series: str) -> list[str]:
    found = deployment.podman(
        *("exec", deployment.container("archive"), "find", "/tmp", "-name", "*.dcm")
    )
    return [path for path in found.split() if f"/{series}/" in path]


async def routed_once(deployment, api, series: str, images: int) -> None:
    """Wait until the archive has a series, and see that nobody has it twice."""

    async def there():
        return len(in_archive(deployment, series)) == images

    await eventually(f"{images} images in the archive", there)

    async def told():
        events = await api.call("GET", "/workflowmanager/journal", params=_OF_DISPATCHES)
        return [each["data"] for each in events if each["data"]["series_instance_uid"] == series]

    sent = await eventually("dispatch.sent", told)
    assert [(one["sent"], one["instances"]) for one in sent] == [(images, images)], sent
    found = await api.call("GET", "/workflowmanager/series")
    ours = [row for row in found if row["series_instance_uid"] == series]
    assert [(row["instances"], row["complete"]) for row in ours] == [(images, True)]


_OF_DISPATCHES = {"type": "dispatch.sent", "newest": "true", "limit": "1000"}


async def begin_scan(api, scan) -> None:
    """Start a scan; returns when the scanner measures."""
    path = f"/workflowmanager/trigger_task/{scan.acquisition}/"
    await eventually("the scan begins", lambda: api.call("POST", path))

    async def measures():
        task = await api.call("GET", f"/exam/task/{scan.acquisition}")
        return task["status"] in {"INPROGRESS", "FINISHED"}

    await eventually("the scanner measures", measures)


async def scanned_once(deployment, api, scan) -> None:
    """Wait until a scan is reconstructed and in the archive; each with one result."""
    for task_id in (scan.acquisition, scan.reconstruction):

        async def finished(task_id=task_id):
            task = await api.call("GET", f"/exam/task/{task_id}")
            assert task["status"] not in {"ERROR", "CANCELED"}, task
            return task if task["status"] == "FINISHED" else False

        task = await eventually(f"{scan.name} is finished", finished)
        assert len(task["results"]) == 1, task["results"]

    async def told():
        events = await api.call("GET", "/workflowmanager/journal", params=_OF_DISPATCHES)
        return [one["data"] for one in events if one["data"]["task_id"] == str(scan.reconstruction)]

    sent = await eventually(f"{scan.name} is sent", told)
    assert len(sent) == 1, sent
    await routed_once(deployment, api, sent[0]["series_instance_uid"], sent[0]["instances"])


# --- what it is like ------------------------------------------------------------------------------


async def test_everything_is_healthy_and_there_is_one_origin_over_https(deployment):
    for service in VICTIMS:
        await eventually(f"{service} is healthy", lambda s=service: _async(deployment.healthy(s)))
    assert deployment.state("migrate")["ExitCode"] == 0
    async with httpx.AsyncClient() as http:
        plain = await http.get(f"http://localhost:{deployment.http_port}/exams?x=1")
    assert plain.status_code == 301
    assert plain.headers["Location"] == f"{deployment.url}/exams?x=1"
    with deployment.client() as client:
        page = client.get("/exams")
        assert (page.status_code, "<div id=" in page.text) == (200, True)
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
        assert client.get("/assets/none.js").status_code == 404
        assert client.get("/api/v1/nothing/").json()["type"] == "/problems/not-found"
        login = "/api/v1/userlogin/login"
        large = client.post(login, content=b"x" * (2 << 20))
        assert (large.status_code, large.json()["status"]) == (413, 413)
        assert client.get("/api/v1/device/health/readiness").json() == {"status": "ok"}
        key = deployment.secrets.joinpath("metrics.key").read_text().strip()
        for service in ("exam", "device", "workflowmanager"):
            metrics = f"/api/v1/{service}/metrics"
            assert client.get(metrics).status_code == 401
            told = client.get(metrics, headers={"Authorization": f"Bearer {key}"})
            assert "process_resident_memory_bytes" in told.text, told.text


async def _async(value):
    return value


async def test_the_gateway_makes_one_address_wait_that_asks_for_too_much(deployment):
    """More logins at once than an address may have: the rest never reaches exam-manager."""
    login, readiness = "/api/v1/userlogin/login", "/api/v1/exam/health/readiness"
    limits = httpx.Limits(max_connections=20)
    async with httpx.AsyncClient(
        base_url=deployment.url, verify=deployment.trust, timeout=60, limits=limits
    ) as http:
        answers = await asyncio.gather(*(http.post(login) for _ in range(100)))
        assert {answer.status_code for answer in answers} == {422, 429}  # it has no user in it
        told = next(answer for answer in answers if answer.status_code == 429)
        assert told.json()["type"] == "/problems/too-many-requests"
        assert int(told.headers["Retry-After"]) > 0
        assert (await http.get(readiness)).status_code == 200  # whoever is logged in goes on


async def test_an_event_comes_through_the_gateway_at_once(deployment):
    """Nothing is held back there until there is more of it."""
    async with opened(deployment) as api, following(api.http, api.token) as follower:
        made = {"name": "told-of", "target_type": "dummy"}
        await api.call("POST", "/workflowmanager/targets", json=made)
        await follower.wait_for(
            lambda event: made["name"] in json.dumps(event), lambda _: None, SETTLED_S, "its event"
        )


async def test_a_container_has_no_rights_no_tools_and_no_secret_of_others(deployment):
    def within(service, script):
        name = deployment.container(service)
        return deployment.podman("exec", name, "python", "-c", script).strip()

    look = "import os; print(os.getuid(), sorted(os.listdir('/run/secrets')))"
    assert within("device-manager-1", look) == (
        "10001 ['device-tokens.key', 'device-url', 'metrics.key', 'services', "
        "'signing.former.pub.pem', 'signing.pub.pem']"
    )
    status = "print(*[line for line in open('/proc/self/status') if line.startswith('CapEff')])"
    assert within("worker-1", status).split()[1].strip("0") == ""
    with pytest.raises(AssertionError, match="Read-only file system"):
        within("exam-manager", "open('/opt/scanhub/x', 'w')")
    tools = "import importlib.util as i; print([i.find_spec(m) for m in ('pytest', 'pip', 'mypy')])"
    assert within("exam-manager", tools) == "[None, None, None]"


async def test_the_demo_scan_reaches_the_archive(deployment, stage):
    async with opened(deployment) as api:
        await begin_scan(api, stage["demo"])
        await scanned_once(deployment, api, stage["demo"])


async def test_a_series_is_routed_from_the_listener_and_from_the_gateway(deployment, stage):
    async with opened(deployment) as api:
        series, items = write_series(deployment.folder / "by-dicom", "by C-STORE")
        await asyncio.to_thread(send, deployment, items)
        await routed_once(deployment, api, series, IMAGES)
        series, items = write_series(deployment.folder / "by-web", "by STOW-RS")
        parts = b"".join(
            b"--b\r\nContent-Type: application/dicom\r\n\r\n" + path.read_bytes() + b"\r\n"
            for _, path in items
        )
        kind = 'multipart/related; type="application/dicom"; boundary=b'
        headers = {"Content-Type": kind, "Authorization": f"Bearer {api.token}"}
        stow = "/api/v1/workflowmanager/dicomweb/studies"
        answer = await api.http.post(stow, content=parts + b"--b--\r\n", headers=headers)
        assert answer.status_code == 200, answer.text
        await routed_once(deployment, api, series, IMAGES)


# --- what accidents leave -------------------------------------------------------------------------


@pytest.mark.parametrize("service", VICTIMS)
async def test_nothing_is_lost_or_doubled_when_a_container_is_killed(deployment, stage, service):
    """While a scanner measures, one series comes and another one leaves."""
    leaving, items = write_series(deployment.folder / service / "leaves", f"{service}, leaves")
    coming, others = write_series(deployment.folder / service / "comes", f"{service}, comes")
    scan, sender = stage[service], Sending(deployment, others, SLOW)
    async with opened(deployment) as api:
        await asyncio.to_thread(send, deployment, items)
        await begin_scan(api, scan)
        await eventually("it leaves", lambda: _async(in_archive(deployment, leaving)))
        sending = asyncio.create_task(asyncio.to_thread(sender.run))
        await asyncio.to_thread(sender.begun.wait, SETTLED_S)
        there = [len(in_archive(deployment, series)) for series in (leaving, coming)]
        killed_at = deployment.kill(service)
        sys.stdout.write(f"{PROJECT}: {service} is killed, the archive has {there} images\n")
        seconds = await asyncio.to_thread(deployment.back, service, killed_at)
        sys.stdout.write(f"{PROJECT}: {service} is healthy again after {seconds:.1f} s\n")
        await sending
        for series in (leaving, coming):
            await routed_once(deployment, api, series, IMAGES)
        await scanned_once(deployment, api, scan)
