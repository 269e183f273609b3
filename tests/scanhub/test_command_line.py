"""The command line: what is wrong with a setting, and the way in when nobody can log in."""

import asyncio
import os
import subprocess
import sys
from importlib.metadata import version

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet
from nursery import start_program
from typer.testing import CliRunner

from exam_manager.audit.models import AuditEntry
from exam_manager.users.models import Account, LoginSession, RevokedAccess
from exam_manager.users.service import create_first_user
from scanhub.cli import app
from scanhub.settings import InstallationSettings
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import create_engine, create_sessions, transaction
from scanhub_libraries.migrate import upgrade
from scanhub_libraries.models import User, UserRole
from scanhub_libraries.security.passwords import verify_password

PASSWORD, NEW = "correct horse battery", "staple horse correct"


@pytest.fixture
def postgresql_urls(copied_postgresql, make_postgresql_url):
    return {
        "SCANHUB_WORKFLOW_DATABASE_URL": copied_postgresql("workflow_manager"),
        "SCANHUB_ENGINE_DATABASE_URL": make_postgresql_url().replace("+asyncpg", ""),
    }


def call(*arguments, variables=None, typed=None):
    return CliRunner().invoke(app, list(arguments), env=variables, input=typed)


async def call_alone(folder, *arguments, variables=None):
    """Call it in a process of its own: it sets up the log of its process."""
    said = folder / "said"
    with said.open("wb") as log:
        environment = {**os.environ, **(variables or {})}
        program = await start_program("-m", "scanhub", *arguments, env=environment, log=log)
    code = await asyncio.wait_for(program.wait(), 60)
    return code, said.read_text()


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("SCANHUB_PORT", "eighty", "valid integer"),
        ("SCANHUB_LOG_LEVEL", "LOUD", "'DEBUG'"),
        ("SCANHUB_EXAM_DATABASE_URL", "postgresql://u:hunter2@db/exam", "postgresql+asyncpg://"),
        ("SCANHUB_EXAM_DATABASE_URL", "hunter2", "sqlite+aiosqlite://"),
        ("SCANHUB_ENGINE_DATABASE_URL", "postgresql+asyncpg://u:hunter2@db/x", "postgresql://"),
    ],
)
def test_a_wrong_setting_is_named_with_its_variable_and_not_repeated(
    tmp_path, variable, value, reason
):
    done = call("serve", "--data-dir", str(tmp_path), variables={variable: value})
    assert done.exit_code == 1
    assert done.output.startswith(f"{variable}: ")
    assert reason in done.output
    assert "hunter2" not in done.output
    assert len(done.output.splitlines()) == 1


async def test_a_wrong_setting_of_a_service_is_named_too(tmp_path):
    wrong = {"SCANHUB_EXAM_TREE_CACHE_MIB": "-1"}
    code, output = await call_alone(
        tmp_path, "serve", "--data-dir", str(tmp_path / "data"), variables=wrong
    )
    assert code == 1
    told = "SCANHUB_EXAM_TREE_CACHE_MIB: Input should be greater than or equal to 0"
    assert output.splitlines() == [told]


async def test_a_secret_that_can_be_guessed_and_a_folder_that_cannot_be_are_named(tmp_path):
    secret = tmp_path / "keys" / "services" / "device-manager.secret"
    secret.parent.mkdir(parents=True)
    secret.write_text("changeme")
    secret.chmod(0o600)
    code, output = await call_alone(tmp_path, "serve", "--data-dir", str(tmp_path))
    assert code == 1
    assert output.startswith(f"The secret in {secret} needs 32 characters")
    code, output = await call_alone(tmp_path, "serve", "--data-dir", str(secret / "below"))
    assert code == 1
    assert output == f"{secret / 'below'}: Not a directory\n"


@pytest.fixture
def locked_admin(tmp_path):
    """An installation whose only admin is locked out, and a function that reads its tables."""
    settings = InstallationSettings(data_dir=tmp_path)
    settings.prepare()
    url = settings.database_url("exam-manager")
    upgrade("exam_manager", url)

    async def work(statement=None):
        engine = create_engine(url)
        try:
            async with transaction(create_sessions(engine)) as session:
                if statement is not None:
                    return list(await session.scalars(statement))
            admin = User(
                username="ada",
                first_name="Ada",
                last_name="Lovelace",
                role=UserRole.ADMIN,
                access_token=PASSWORD,
                token_type="password",
            )
            await create_first_user(create_sessions(engine), admin, now=utc_now())
            async with transaction(create_sessions(engine)) as session:
                account = await session.get(Account, "ada")
                account.failed_logins, account.locked_until = 99, utc_now().replace(year=2999)
                account.must_change_password = True
                times = {"datetime_created": utc_now(), "expires_at": account.locked_until}
                session.add(LoginSession(username="ada", **times))
        finally:
            await engine.dispose()

    asyncio.run(work())
    return lambda statement: asyncio.run(work(statement))


def test_whoever_keeps_the_machine_unlocks_the_only_admin(tmp_path, locked_admin):
    done = call("unlock-user", "ada", "--data-dir", str(tmp_path))
    assert (done.exit_code, done.output) == (0, "ada may log in again.\n")
    (account,) = locked_admin(sa.select(Account))
    assert (account.failed_logins, account.locked_until) == (0, None)
    (entry,) = locked_admin(sa.select(AuditEntry).where(AuditEntry.action == "user.unlocked"))
    assert entry.actor == "service:command-line"


def test_whoever_keeps_the_machine_gives_the_only_admin_a_new_password(tmp_path, locked_admin):
    data = ("--data-dir", str(tmp_path))
    done = call("set-password", "ada", *data, typed="password1234\npassword1234\n")
    assert done.exit_code == 1
    assert "tried first" in done.output
    done = call("set-password", "ada", *data, typed=f"{NEW}\n{NEW}\n")
    assert done.exit_code == 0
    assert NEW not in done.output
    (account,) = locked_admin(sa.select(Account))
    assert asyncio.run(verify_password(NEW, account.password_hash))
    assert account.locked_until is None
    assert not account.must_change_password
    assert locked_admin(sa.select(LoginSession)) == []
    revoked = locked_admin(sa.select(RevokedAccess))
    assert {item.kind for item in revoked} == {"session", "subject"}


@pytest.mark.parametrize("command", ["unlock-user", "set-password"])
def test_a_user_who_is_not_there_is_told(tmp_path, locked_admin, command):
    done = call(command, "bob", "--data-dir", str(tmp_path), typed=f"{NEW}\n{NEW}\n")
    assert done.exit_code == 1
    assert "There is no user 'bob'." in done.output


async def test_a_worker_says_what_it_lacks(tmp_path, postgresql_urls):
    async def refused(variables, *options):
        arguments = ("worker", "--data-dir", str(tmp_path), *options)
        code, output = await call_alone(tmp_path, *arguments, variables=variables)
        assert code == 1
        return output

    keys = tmp_path / "keys"
    output = await refused(postgresql_urls)
    assert output.startswith(f"{keys}/services/workflow-manager.secret is not there")
    (keys / "services").mkdir(parents=True)
    (keys / "services" / "workflow-manager.secret").write_text("s" * 64)
    (keys / "target-secrets.key").write_text(Fernet.generate_key().decode())
    for path in (keys / "services" / "workflow-manager.secret", keys / "target-secrets.key"):
        path.chmod(0o600)
    output = await refused({})
    assert output.startswith("SCANHUB_WORKFLOW_QUEUES: with SQLite one process does all the work")
    output = await refused(postgresql_urls, "--queues", "recon,nonsense")
    assert output.startswith("SCANHUB_WORKFLOW_QUEUES.1: Input should be 'recon', 'modules'")
    output = await refused(postgresql_urls, "--queues", "recon")
    assert f"{tmp_path}/files is not the lake of a server: mount it there" in output


def test_the_version_is_told():
    told = call("--version")
    assert (told.exit_code, told.output) == (0, f"scanhub {version('scanhub')}\n")
    assert "--version" in call("--help").output


@pytest.mark.long
def test_a_server_loads_nothing_that_only_jobs_and_the_simulator_need():
    heavy = {"finufft", "highdicom", "matplotlib", "nibabel", "pypulseq", "scipy"}
    code = f"import sys, scanhub.main; sys.exit(', '.join({heavy} & set(sys.modules)) or 0)"
    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert ended.stderr == b"", "each start of a server takes a second longer"
