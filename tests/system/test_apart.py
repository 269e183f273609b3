"""The three services as three processes: the same code, the same tokens, over the network."""

from contextlib import asynccontextmanager

import httpx
import pytest
from ports import a_port

from scanhub.main import PREFIXES
from scanhub.settings import SERVICES

from .conftest import Installation, opened_scene

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]


class Gateway(httpx.AsyncBaseTransport):
    """Sends each request to the service whose prefix it bears, as a gateway would."""

    def __init__(self, ports, tls=None):
        self._ports = ports
        self._scheme = "http" if tls is None else "https"
        self._transport = httpx.AsyncHTTPTransport(verify=True if tls is None else tls)

    async def handle_async_request(self, request):
        for service, port in self._ports.items():
            if any(request.url.path.startswith(f"{prefix}/") for prefix in PREFIXES[service]):
                request.url = request.url.copy_with(
                    scheme=self._scheme, host="127.0.0.1", port=port
                )
        return await self._transport.handle_async_request(request)

    async def aclose(self):
        await self._transport.aclose()


@asynccontextmanager
async def served_apart(folder, device_port=None, *, made=Installation, arguments=(), **more):
    """Three servers on one data folder, each with one service."""
    scheme = "https" if arguments else "http"
    ports = {service: a_port() for service in SERVICES}
    ports["device-manager"] = device_port or ports["device-manager"]
    environment = {
        f"SCANHUB_{service.upper().replace('-', '_')}_URL": f"{scheme}://127.0.0.1:{port}"
        for service, port in ports.items()
    }
    servers = {}
    try:
        for service, port in ports.items():
            server = made(folder, port=port, environment={**environment, **more})
            server.ready_path = f"{PREFIXES[service][0]}/health/readiness"
            servers[service] = server
            await server.start("--only", service, *arguments)
        yield servers
    finally:
        for server in servers.values():
            await server.end()


@pytest.fixture
async def apart(tmp_path):
    async with served_apart(tmp_path) as servers:
        yield servers


@pytest.fixture
async def with_another(tmp_path, make_postgresql_url):
    """The same with a second device-manager, which nobody but the scanner knows of."""
    ports = [a_port(), a_port()]
    database = {"SCANHUB_DEVICE_DATABASE_URL": make_postgresql_url()}
    url = "SCANHUB_DEVICE_NODE_URL"
    async with served_apart(
        tmp_path, device_port=ports[0], **database, **{url: f"http://127.0.0.1:{ports[0]}"}
    ) as servers:
        first = servers["device-manager"]
        environment = {**first.environment, url: f"http://127.0.0.1:{ports[1]}"}
        second = Installation(tmp_path, port=ports[1], environment=environment)
        second.ready_path = first.ready_path
        try:
            await second.start("--only", "device-manager")
            yield servers, second
        finally:
            await second.end()


@pytest.fixture
async def with_another_workflow_manager(tmp_path, make_postgresql_url):
    """Two workflow-managers on one PostgreSQL: the others know the first one only."""
    urls = {
        "SCANHUB_WORKFLOW_DATABASE_URL": make_postgresql_url(),
        "SCANHUB_ENGINE_DATABASE_URL": make_postgresql_url().replace("+asyncpg", ""),
    }
    async with served_apart(tmp_path, **urls) as servers:
        first = servers["workflow-manager"]
        second = Installation(tmp_path, environment=first.environment)
        second.ready_path = first.ready_path
        try:
            await second.start("--only", "workflow-manager")
            yield servers, second
        finally:
            await second.end()


@pytest.mark.long
async def test_two_workflow_managers_share_the_work_and_the_events(
    with_another_workflow_manager, tmp_path
):
    """Who asks the second one starts there, and hears there what the first one is told."""
    servers, second = with_another_workflow_manager
    asked = {**servers, "workflow-manager": second}
    events = await scan(asked, servers["device-manager"], tmp_path)
    happened = [
        (event["type"], event["subject"]) for event in events if event["type"] != "run.progress"
    ]
    once = [one for one in happened if one[0].startswith(("run.", "dicom.", "exam.task.fin"))]
    assert len(once) == len(set(once)), once
    assert {"run.succeeded", "dicom.series.complete"} <= {name for name, _ in once}


@pytest.mark.long
async def test_a_scan_goes_through_three_processes(apart, tmp_path):
    await scan(apart, apart["device-manager"], tmp_path)


@pytest.mark.long
async def test_a_scan_goes_through_two_device_managers(with_another, tmp_path):
    """The one that is asked does not hold the link."""
    servers, second = with_another
    await scan(servers, second, tmp_path)


async def scan(servers, devices, tmp_path, tls=None, *, to=None):
    """Scan and reconstruct, and send the images, to a target by a rule; return the journal."""
    gateway = Gateway({service: server.port for service, server in servers.items()}, tls)
    async with (
        httpx.AsyncClient(base_url="http://gateway", transport=gateway, timeout=30) as http,
        opened_scene(devices, tmp_path, http) as scene,
    ):
        for path, body in zip(("targets", "rules"), to or (), strict=False):
            await scene.api.call("POST", f"/workflowmanager/{path}", json=body)
        await devices.connect_scanner(scene.data.credentials, "--time-scale", "0")
        await scene.until("device.connected", device_id=scene.data.device_id)
        task_id = scene.data.acquisition_task_id
        await scene.api.call("POST", f"/workflowmanager/trigger_task/{task_id}/")
        reconstruction = scene.data.reconstruction_task_id
        await scene.until("exam.task.finished", task_id=reconstruction)
        task = await scene.api.call("GET", f"/exam/task/{reconstruction}")
        assert (task["status"], len(task["results"])) == ("FINISHED", 1)
        headers = {"Authorization": f"Bearer {scene.api.token}"}
        image = await http.get(task["results"][0]["meta"]["instances"][0], headers=headers)
        assert image.content[128:132] == b"DICM"
        for told in ("run.succeeded", "dicom.series.complete", *(["dispatch.sent"] if to else [])):
            await scene.until(told)
        journal = await scene.api.call("GET", "/workflowmanager/journal?limit=1000")
        return list(journal)


@pytest.mark.long
async def test_a_scan_is_stopped_while_the_record_is_away(apart, tmp_path):
    gateway = Gateway({service: server.port for service, server in apart.items()})
    devices, record = apart["device-manager"], apart["exam-manager"]
    async with (
        httpx.AsyncClient(base_url="http://gateway", transport=gateway, timeout=30) as http,
        opened_scene(devices, tmp_path, http) as scene,
    ):
        await devices.connect_scanner(scene.data.credentials, "--time-scale", "30")
        await scene.until("device.connected", device_id=scene.data.device_id)
        task_id = scene.data.acquisition_task_id
        await scene.api.call("POST", f"/workflowmanager/trigger_task/{task_id}/")
        await scene.until("acquisition.running", task_id=task_id)
        await record.kill()
        answer = await scene.api.call("POST", f"/workflowmanager/stop_task/{task_id}/")
        assert (answer["sent"], answer["confirmed"]) == (True, True)
        await record.start("--only", "exam-manager")
        await scene.until("exam.task.canceled", task_id=task_id)
