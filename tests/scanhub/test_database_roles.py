"""Each service gets into its own database, and changes rows there and nothing else."""

import asyncio

import asyncpg
import pytest
import sqlalchemy as sa
from roles import made_roles
from typer.testing import CliRunner

from scanhub.cli import app
from scanhub_libraries.migrate import upgrade
from workflow_manager.engine.schema import migrate_engine


@pytest.fixture
async def made(make_postgresql_url):
    """Databases and roles as the script makes them; gives the URL of a database for a role."""
    async with made_roles(make_postgresql_url()) as url:
        yield url


async def refused(url, statement="SELECT 1"):
    try:
        connection = await asyncpg.connect(
            sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        )
    except asyncpg.InsufficientPrivilegeError:
        return True
    try:
        await connection.execute(statement)
    except asyncpg.InsufficientPrivilegeError:
        return True
    finally:
        await connection.close()
    return False


async def test_a_service_works_in_its_database_and_nowhere_else(made):
    """Tables are made by the owner; a service finds that nothing is to be migrated."""
    for service, role in (("exam_manager", "exam"), ("workflow_manager", "workflow")):
        await asyncio.to_thread(upgrade, service, made("owner", role))
        await asyncio.to_thread(upgrade, service, made(role, role))
    engine = made("owner", "engine").replace("+asyncpg", "")
    await asyncio.to_thread(migrate_engine, engine)
    await asyncio.to_thread(migrate_engine, made("workflow", "engine").replace("+asyncpg", ""))
    rows = "DELETE FROM target"
    assert not await refused(made("workflow", "workflow"), rows)
    assert not await refused(made("workflow", "engine"), "DELETE FROM dbos.workflow_status")
    for statement in ("CREATE TABLE mine (a int)", "DROP TABLE target", "TRUNCATE target"):
        assert await refused(made("workflow", "workflow"), statement), statement
    assert await refused(made("exam", "workflow"))
    assert await refused(made("device", "exam"))
    assert await refused(made("workflow", "exam"))


def test_the_script_is_for_psql():
    done = CliRunner().invoke(app, ["database-roles", "--prefix", "mri_"])
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert 'CREATE DATABASE "exam" OWNER "mri_owner";' in lines
    assert '\\connect "engine"' in lines
    assert all(line.endswith(";") or line.startswith(("--", "\\connect")) for line in lines)
