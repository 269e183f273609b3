"""Whether a database is at the newest revision is told without the tool that brings it there."""

import sqlite3
from contextlib import closing

import pytest
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from scanhub_libraries.database import sqlite_url
from scanhub_libraries.migrate import alembic_config, newest, upgrade

SERVICES = ("exam_manager", "device_manager", "workflow_manager")


@pytest.mark.parametrize("package", SERVICES)
def test_the_newest_revision_is_the_head_of_the_one_line_of_them(package):
    scripts = ScriptDirectory.from_config(alembic_config(package, "sqlite://"))
    assert scripts.get_heads() == [newest(package)]


def test_a_database_of_a_newer_release_is_refused(tmp_path):
    path = tmp_path / "device.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE alembic_version_device_manager (version_num TEXT)")
        database.execute("INSERT INTO alembic_version_device_manager VALUES ('9999')")
        database.commit()
    with pytest.raises(CommandError, match="9999"):
        upgrade("device_manager", sqlite_url(path))
