"""The three services over TLS, each with a role of PostgreSQL that has its own rows and no others.

This is what docs/security.md promises of an installation whose services are on several machines.
"""

import asyncio
import ssl
import sys
from pathlib import Path

import asyncpg
import pytest
import sqlalchemy as sa
from roles import made_roles

from scanhub_libraries.migrate import upgrade
from workflow_manager.engine.schema import migrate_engine

from .conftest import Installation
from .test_apart import scan, served_apart

sys.path.append(str(Path(__file__).parents[1] / "device_manager"))

from authority import Authority

pytestmark = [pytest.mark.system, pytest.mark.timeout(240), pytest.mark.long]
_SERVICES = {"exam": "exam_manager", "device": "device_manager", "workflow": "workflow_manager"}


class SecureInstallation(Installation):
    """A service over TLS; this process trusts the authority, what is started is told whom."""

    @property
    def url(self):
        return f"https://localhost:{self.port}"

    async def connect_scanner(self, credentials, *arguments):
        link = f"wss://localhost:{self.port}/api/v1/device/ws"
        given = ("--url", link, "--credentials", str(credentials), *arguments)
        ca = self.environment["SCANHUB_SERVICES_CA"]
        return await self.run_beside("scanner", "scanhub_device.simulator", *given, "--ca", ca)


@pytest.fixture
def authority(tmp_path, monkeypatch):
    authority = Authority(tmp_path, "ca")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    return authority


def tls_of(authority):
    """Return arguments and variables of a service that speaks TLS and trusts this authority."""
    server = authority.sign("server")
    files = ("--ssl-certfile", str(server.certificate), "--ssl-keyfile", str(server.key))
    return files, {"SCANHUB_SERVICES_CA": str(authority.file), "SSL_CERT_FILE": ""}


async def test_a_scan_goes_over_tls_and_roles_of_least_rights(
    tmp_path, make_postgresql_url, authority
):
    async with made_roles(make_postgresql_url()) as url:
        for name, package in _SERVICES.items():
            await asyncio.to_thread(upgrade, package, url("owner", name))
        await asyncio.to_thread(migrate_engine, url("owner", "engine").replace("+asyncpg", ""))
        urls = {f"SCANHUB_{name.upper()}_DATABASE_URL": url(name, name) for name in _SERVICES}
        urls["SCANHUB_ENGINE_DATABASE_URL"] = url("workflow", "engine").replace("+asyncpg", "")
        arguments, environment = tls_of(authority)
        trusted = ssl.create_default_context(cafile=authority.file)
        async with served_apart(
            tmp_path, made=SecureInstallation, arguments=arguments, **environment, **urls
        ) as servers:
            await scan(servers, servers["device-manager"], tmp_path, trusted)
            users = await users_of(url(None, "workflow"))
        assert users >= {sa.make_url(url(name, name)).username for name in _SERVICES}
        owner = sa.make_url(url("owner", "exam")).username
        assert owner not in users


async def users_of(url):
    """Return who is connected to the server."""
    dsn = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch("SELECT DISTINCT usename FROM pg_stat_activity")
    finally:
        await connection.close()
    return {row["usename"] for row in rows}


async def test_a_service_with_a_certificate_of_somebody_else_is_not_talked_to(tmp_path, authority):
    """device-manager gets no token from an exam-manager that it cannot trust."""
    arguments, environment = tls_of(authority)
    (tmp_path / "others").mkdir()
    stranger = Authority(tmp_path / "others", "stranger")
    environment["SCANHUB_SERVICES_CA"] = str(stranger.file)
    async with served_apart(
        tmp_path, made=SecureInstallation, arguments=arguments, **environment
    ) as servers:
        devices = servers["device-manager"]
        async with asyncio.timeout(60):
            while "cannot be reached (ConnectError)" not in devices.log:
                await asyncio.sleep(0.1)
