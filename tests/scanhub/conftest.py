"""An installation at rest, with rows and files as the services leave them."""

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from scanhub.backup.make import make_backup
from scanhub.backup.place import Place
from scanhub.settings import SERVICES, InstallationSettings
from scanhub_libraries.database import create_engine, create_sessions, transaction
from workflow_manager.dicom.models import DicomInstance, DicomSeries, DicomStudy
from workflow_manager.engine.schema import migrate_engine

IMAGE = "dicom/1.2/1.2.3/1.2.3.4.dcm"


def say(_text):
    pass


@dataclass
class House:
    """An installation whose services do not run."""

    settings: InstallationSettings
    place: Place

    @property
    def lake(self) -> Path:
        return self.settings.lake_root

    def put(self, key, data=b"image"):
        path = self.lake / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    async def execute(self, *work):
        """Add rows, or execute statements, in the database of workflow-manager."""
        engine = create_engine(self.settings.database_url("workflow-manager"))
        try:
            async with transaction(create_sessions(engine)) as session:
                for one in work:
                    if isinstance(one, sa.Executable):
                        await session.execute(one)
                    else:
                        session.add(one)
                        await session.flush()
        finally:
            await engine.dispose()

    async def receive(self, key=IMAGE, uid="1.2.3.4"):
        """Name a file of the lake as that of an image."""
        await self.execute(
            DicomInstance(
                sop_instance_uid=uid,
                series_id=SERIES.id,
                sop_class_uid="1.2",
                transfer_syntax_uid="1.2",
                sha256="0" * 64,
                size=5,
                key=key,
            )
        )

    async def rows(self, table, settings=None):
        """Return the rows of a table of workflow-manager in an installation."""
        engine = create_engine((settings or self.settings).database_url("workflow-manager"))
        try:
            async with transaction(create_sessions(engine)) as session:
                return list(await session.scalars(sa.select(table)))
        finally:
            await engine.dispose()

    async def keys(self, settings=None):
        """Return what the images of an installation are called."""
        return [row.key for row in await self.rows(DicomInstance, settings)]

    async def back_up(self, **options):
        return await make_backup(self.settings, self.place, say=say, **options)


SERIES = DicomSeries(series_instance_uid="1.2.3", study_instance_uid="1.2", source="SCANNER")


def _rows():
    return [
        DicomStudy(study_instance_uid="1.2"),
        DicomSeries(**SERIES.model_dump()),
    ]


@pytest.fixture(scope="session")
def empty_engine(tmp_path_factory):
    """A SQLite file of the run engine to copy."""
    path = tmp_path_factory.mktemp("engine") / "engine.sqlite"
    migrate_engine(f"sqlite:///{path}")
    return path


@pytest.fixture
def empty_databases(tmp_path, empty_file, empty_engine):
    """Settings of an installation on SQLite, with its tables."""
    settings = InstallationSettings(data_dir=tmp_path / "data")
    settings.prepare()
    sources = {service: empty_file(service.replace("-", "_")) for service in SERVICES}
    for name, source in {**sources, "engine": empty_engine}.items():
        shutil.copyfile(source, settings.data_dir / "databases" / f"{name}.sqlite")
    return settings


@pytest.fixture
async def house(empty_databases, tmp_path):
    """An installation on SQLite with one image."""
    return await _filled(House(empty_databases, Place(tmp_path / "backups")))


@pytest.fixture
async def postgresql_house(tmp_path, copied_postgresql, make_postgresql_url):
    """The same on PostgreSQL."""
    urls = {
        f"{service.split('-')[0]}_database_url": copied_postgresql(service.replace("-", "_"))
        for service in SERVICES
    }
    urls["engine_database_url"] = make_postgresql_url().replace("+asyncpg", "")
    settings = InstallationSettings(data_dir=tmp_path / "data", **urls)
    settings.prepare()
    await asyncio.to_thread(migrate_engine, settings.engine_url)
    return await _filled(House(settings, Place(tmp_path / "backups")))


async def _filled(house):
    house.settings.device_token_key()
    house.put(IMAGE)
    await house.execute(*_rows())
    await house.receive()
    return house
