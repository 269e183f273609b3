"""An administrator has a backup made by the server, and sees how it goes."""

import asyncio
import sys

import httpx
import pytest

from scanhub.backup.by_request import requested_backups
from scanhub.settings import InstallationSettings
from scanhub_libraries.models import UserRole
from scanhub_libraries.security.tokens import TokenVerifier
from workflow_manager.main import create_app
from workflow_manager.settings import WorkflowManagerSettings

PATH = "/api/v1/workflowmanager/backups"
POSTGRESQL = {
    f"{name}_database_url": f"postgresql+asyncpg://db/{name}"
    for name in ("exam", "device", "workflow")
}


@pytest.fixture
async def asked(house, keys, headers_of):
    """Return a function that asks the server of the house, whose backups a command makes."""
    opened = []

    async def ask(method, *, command=None, role=UserRole.ADMIN):
        if not opened:
            folder = house.place.root
            place = requested_backups(house.settings.model_copy(update={"backup_dir": folder}))
            place.command = command or place.command
            data = house.settings
            settings = WorkflowManagerSettings(
                database_url=data.database_url("workflow-manager"),
                engine_database_url=data.engine_url,
                lake_root=data.lake_root,
            )
            nobody = httpx.AsyncClient(base_url="http://127.0.0.1:9")
            app = create_app(
                settings,
                exam_manager=nobody,
                device_manager=nobody,
                verifier=TokenVerifier(keys.public_pem),
                backups=place,
            )
            lifespan = app.router.lifespan_context(app)
            await lifespan.__aenter__()
            http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here")
            opened.extend((lifespan, http, nobody))
        return await opened[1].request(method, PATH, headers=headers_of(role))

    yield ask
    for client in opened[1:]:
        await client.aclose()
    if opened:
        await opened[0].__aexit__(None, None, None)


async def ended(ask):
    async with asyncio.timeout(60):
        while (found := (await ask("GET")).json())["work"]["state"] == "running":
            await asyncio.sleep(0.02)
    return found


async def test_a_backup_is_made_by_request_and_listed(asked, house):
    answer = await asked("POST")
    assert (answer.status_code, answer.json()["work"]["state"]) == (202, "running")
    again = await asked("POST")
    assert (again.status_code, "being made" in again.json()["detail"]) == (409, True)
    found = await ended(asked)
    assert (found["work"]["state"], found["work"]["started_by"]) == ("made", "user:tester")
    (backup,) = found["backups"]
    assert (backup["name"], backup["files"]) == (house.place.names()[0], 1)


async def test_a_backup_that_fails_says_why(asked):
    await asked("POST", command=[sys.executable, "-c", "raise SystemExit('The disk is gone.')"])
    found = await ended(asked)
    assert (found["work"]["state"], found["work"]["detail"]) == ("failed", "The disk is gone.")
    assert found["backups"] == []


@pytest.mark.parametrize("role", [UserRole.ENGINEER, UserRole.MEDICAL])
async def test_backups_are_for_administrators(asked, role):
    assert (await asked("GET", role=role)).status_code == 403
    assert (await asked("POST", role=role)).status_code == 403


def test_a_service_alone_makes_backups_only_if_it_knows_all_databases(tmp_path):
    alone = {"backup_dir": tmp_path, "only": "workflow-manager"}
    assert requested_backups(InstallationSettings(**alone)) is None
    engine = {"engine_database_url": "postgresql://db/engine"}
    assert requested_backups(InstallationSettings(**alone, **POSTGRESQL, **engine)) is not None
    assert requested_backups(InstallationSettings(data_dir=tmp_path)) is None
