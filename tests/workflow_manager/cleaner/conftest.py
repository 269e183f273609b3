"""A shelf of series whose cases ended in every way, for the tests of the cleaner."""

import shutil
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from shelf import Shelf

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import create_engine, create_sessions, sqlite_url
from scanhub_libraries.lake import LocalLake
from workflow_manager.cleaner.cleaning import Cleaner
from workflow_manager.room import Room
from workflow_manager.settings import WorkflowManagerSettings


@pytest.fixture
def shelf_in(tmp_path):
    """Return what makes a shelf on a migrated database; keyword arguments are settings."""

    def make(url, **settings):
        wiring = SimpleNamespace(
            settings=WorkflowManagerSettings(
                database_url=url, engine_database_url=url, lake_root=tmp_path / "lake", **settings
            ),
            lake=LocalLake(tmp_path / "lake"),
            engine=create_engine(url),
        )
        wiring.sessions = create_sessions(wiring.engine)
        return Shelf(wiring, tmp_path)

    return make


@pytest.fixture
def shelf_url(request, tmp_path, empty_file):
    """Return a database with tables: SQLite, or where a test says so PostgreSQL."""
    if getattr(request, "param", "sqlite") == "sqlite":
        shutil.copyfile(empty_file("workflow_manager"), tmp_path / "workflow.sqlite")
        return sqlite_url(tmp_path / "workflow.sqlite")
    return request.getfixturevalue("copied_postgresql")("workflow_manager")


@pytest.fixture
async def shelf(shelf_in, shelf_url):
    found = shelf_in(shelf_url)
    yield found
    await found.wiring.engine.dispose()


@pytest.fixture
def small_disk():
    """Return a cleaner whose disk holds the files of the lake and has just so many bytes."""

    def make(shelf, total):
        def look(folder):
            used = sum(p.stat().st_size for p in folder.rglob("*.dcm"))
            return Room(total, total - used)

        return Cleaner(shelf.wiring, look)

    return make


@pytest.fixture
def years():
    """Long after everything."""
    return utc_now() + timedelta(days=1000)
