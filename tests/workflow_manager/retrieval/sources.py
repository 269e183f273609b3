"""Other systems that images are fetched from."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from images import instance
from pydicom.dataset import Dataset

from scanhub_libraries.database import (
    Sessions,
    create_engine,
    create_sessions,
    sqlite_url,
    transaction,
)
from scanhub_libraries.lake import LocalLake
from workflow_manager.dicom.entries import Origin
from workflow_manager.dicom.node import DicomNode
from workflow_manager.dicom.service import DicomStore
from workflow_manager.settings import WorkflowManagerSettings
from workflow_manager.targets.models import Target

ROOT = "1.2.826.0.1.3680043.8.498.77"
Tags = dict[str, Any]


def study(number: int, *, series: int = 1, images: int = 2, **tags: Any) -> list[Dataset]:
    """The images of a study with accession number `A<number>`."""
    made = []
    for one in range(1, series + 1):
        for image in range(1, images + 1):
            dataset = instance(image, series=f"{ROOT}.{number}.{one}")
            dataset.StudyInstanceUID = f"{ROOT}.{number}"
            dataset.AccessionNumber = f"A{number}"
            dataset.SeriesDescription = f"T{one} [a]"
            dataset.StudyDescription = "HEAD"
            for name, value in tags.items():
                setattr(dataset, name, value)
            made.append(dataset)
    return made


class Archive:
    """A node of ours as the other system."""

    def __init__(self, node: DicomNode, sessions: Sessions, lake: LocalLake) -> None:
        self.port = node.port
        self._sessions, self._lake = sessions, lake

    async def add(self, images: list[Dataset]) -> None:
        """Give it images."""
        store, scratch = DicomStore(self._sessions, self._lake), self._lake.root / "scratch"
        for dataset in images:
            dataset.save_as(scratch, enforce_file_format=True)
            await store.store_instance(scratch.read_bytes(), Origin(source="TEST"))

    async def add_target(self, name: str, port: int, aet: str) -> None:
        """Let it send to somebody."""
        document = {"ip": "127.0.0.1", "port": port, "aet_target": aet, "aet_source": "ARCHIVE"}
        async with transaction(self._sessions) as session:
            session.add(Target(name=name, target_type="dicom", document=document))


@asynccontextmanager
async def archive(folder: Path, database: Path, *studies: list[Dataset]) -> AsyncIterator[Archive]:
    """Run another system, with a database and a lake of its own.

    Args:
        folder: Empty.
        database: A file with our tables, its own.
        studies: What it has.
    """
    url = sqlite_url(database)
    settings = WorkflowManagerSettings(
        database_url=url,
        engine_database_url=url,
        lake_root=folder,
        dicom_port=0,
        dicom_ae_title="ARCHIVE",
        dicom_min_free_bytes=0,
    )
    engine = create_engine(url)
    sessions, lake = create_sessions(engine), LocalLake(folder)
    node = DicomNode(settings, sessions, lake)
    await node.start()
    try:
        other = Archive(node, sessions, lake)
        for images in studies:
            await other.add(images)
        yield other
    finally:
        await node.stop()
        await engine.dispose()
