"""What is on its way, and an archive that it goes to."""

import shutil

import pytest
from outgoing import Archive, Outgoing

from scanhub_libraries.database import sqlite_url


@pytest.fixture
def database(tmp_path, empty_file):
    file = tmp_path / "workflow.sqlite"
    shutil.copyfile(empty_file("workflow_manager"), file)
    return sqlite_url(file)


@pytest.fixture
async def outgoing(tmp_path, database):
    made = Outgoing(tmp_path, database)
    yield made
    await made.close()


@pytest.fixture
async def archive():
    made = Archive()
    async with made.listening() as made.port:
        yield made
