"""TLS to PostgreSQL: by every driver that we have, and not with a certificate of somebody else."""

import asyncio
import os
import ssl
import sys
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from tls_database import tls_in_front

from scanhub.backup.place import BackupError
from scanhub.backup.postgresql import connect
from scanhub.options import settings_of
from scanhub_libraries.database import create_engine
from scanhub_libraries.errors import ConflictError
from workflow_manager.engine.databases import sync_url

sys.path.insert(0, str(Path(__file__).parents[1] / "device_manager"))  # authority
from authority import Authority

TEXT = {"hide_password": False}


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def shown(authority):
    """What the database shows."""
    holder = authority.sign("database")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(holder.certificate, holder.key)
    return context


@pytest.fixture
def trust(monkeypatch):
    """Return what sets who signs for the database, as a command does when it starts."""
    for name in ("PGSSLMODE", "PGSSLROOTCERT"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)

    def set_authority(file):
        monkeypatch.setenv("SCANHUB_DATABASE_CA", str(file))
        settings_of()

    return set_authority


async def ask_by_service(url):
    engine = create_engine(url.render_as_string(**TEXT))
    try:
        async with engine.connect() as connection:
            return await connection.scalar(sa.text("SELECT 1"))
    finally:
        await engine.dispose()


async def ask_by_backup(url):
    connection = await connect(url.render_as_string(**TEXT))
    try:
        return await connection.fetchval("SELECT 1")
    finally:
        await connection.close()


def _ask_by_engine(url):
    engine = sa.create_engine(sync_url(url.render_as_string(**TEXT)), poolclass=sa.NullPool)
    with engine.connect() as connection:
        return connection.scalar(sa.text("SELECT 1"))


async def ask_by_run_engine(url):
    return await asyncio.to_thread(_ask_by_engine, url)


WAYS = (ask_by_service, ask_by_backup, ask_by_run_engine)
REFUSED = (ssl.SSLError, OSError, BackupError, sa.exc.OperationalError, psycopg.OperationalError)


async def test_every_way_to_the_database_is_encrypted_and_checked(
    make_postgresql_url, authority, shown, trust
):
    url = make_postgresql_url()
    trust(authority.file)
    async with tls_in_front(url, shown) as behind:
        assert [await ask(behind) for ask in WAYS] == [1, 1, 1]
    async with tls_in_front(url, shown, host="127.0.0.2") as of_another_name:
        for ask in WAYS:
            with pytest.raises(REFUSED, match=r"(?i)certificate"):
                await ask(of_another_name)
    async with tls_in_front(url, None) as plain:
        for ask in WAYS:
            with pytest.raises(REFUSED, match=r"(?i)ssl"):
                await ask(plain)


async def test_a_database_with_a_certificate_of_somebody_else_is_not_talked_to(
    make_postgresql_url, tmp_path, shown, trust
):
    (tmp_path / "other").mkdir()
    url = make_postgresql_url()
    trust(Authority(tmp_path / "other", "Other CA").file)
    async with tls_in_front(url, shown) as behind:
        for ask in WAYS:
            with pytest.raises(REFUSED, match=r"(?i)certificate"):
                await ask(behind)


def test_a_file_that_is_not_there_and_less_than_that_are_refused(
    tmp_path, authority, trust, monkeypatch
):
    with pytest.raises(ConflictError, match=r"there is no file .*none\.pem"):
        trust(tmp_path / "none.pem")
    assert "PGSSLMODE" not in os.environ
    monkeypatch.setenv("PGSSLMODE", "require")
    with pytest.raises(ConflictError, match="PGSSLMODE is require"):
        trust(authority.file)
