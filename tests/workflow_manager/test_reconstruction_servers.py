"""Tasks whose images a server makes: what they may say of it, and what nobody is shown."""

import pydicom
import pytest
from mrd_servers import serving as reconstructing
from raw_files import Scan
from workflow_service import WORKFLOW

from workflow_manager.settings import WorkflowManagerSettings

SMALL = Scan((16, 16, 1), (160, 160, 400))


async def test_a_task_names_a_server_and_not_where_it_is(serving, clinic):
    with reconstructing() as server:
        servers = {"bench": f"127.0.0.1:{server.port}"}
        async with serving(reconstruction_servers=servers) as service:
            job = await service.get("/jobs/reconstruction_server:bench")
            assert set(job["parameters"]["properties"]) == {
                "config",
                "config_text",
                "idle_timeout_s",
            }
            assert str(server.port) not in str(job)
            elsewhere = {"config": "simplefft", "host": "127.0.0.2"}
            await clinic.change(clinic.job, dag_id=job["id"], parameter=elsewhere)
            await clinic.measure(SMALL)
            answer = await service.user.post(f"{WORKFLOW}/trigger_task/{clinic.job}/")
            assert (answer.status_code, answer.json()["field"]) == (422, "parameter.host")
            await clinic.change(clinic.job, parameter={"config": "simplefft"})
            await service.deliver(await clinic.event())
            run = await service.run_in("succeeded", "failed", task_id=clinic.job)
            assert run["status"] == "succeeded", run["error"]
            assert "host" not in run["parameters"]
            (result,) = (await clinic.task(clinic.job))["results"]
            path = service.wiring.lake.path(f"{result['directory']}/{result['files'][0]}")
            assert pydicom.dcmread(path).pixel_array.shape == (16, 16)
    assert server.configuration == "simplefft"


async def test_a_server_that_is_away_is_named_in_the_reason(serving, clinic):
    with reconstructing() as server:
        port = server.port
    async with serving(reconstruction_servers={"away": f"127.0.0.1:{port}"}) as service:
        await clinic.change(clinic.job, dag_id="reconstruction_server:away")
        await clinic.measure(SMALL)
        await service.deliver(await clinic.event())
        run = await service.run_in("succeeded", "failed", task_id=clinic.job)
    assert run["status"] == "failed"
    assert f"127.0.0.1:{port} cannot be reached" in run["error"]


@pytest.mark.parametrize("servers", [{"Bad Name": "host:1"}, {"good": "host"}, {"good": "a b:1"}])
def test_servers_are_names_with_addresses(servers):
    with pytest.raises(ValueError, match="reconstruction_servers"):
        WorkflowManagerSettings(reconstruction_servers=servers)
