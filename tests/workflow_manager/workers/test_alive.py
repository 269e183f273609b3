"""The file that health checks look at is young only while all is well."""

import pytest

from scanhub_libraries.database import create_engine, create_sessions, sqlite_url
from scanhub_libraries.errors import UnavailableError
from workflow_manager.workers.alive import Alive


async def test_nothing_is_touched_while_the_process_does_not_do_its_work(tmp_path):
    database = create_engine(sqlite_url(tmp_path / "any.sqlite"))
    file, well = tmp_path / "alive", False
    alive = Alive(create_sessions(database), file, lambda: well)
    with pytest.raises(UnavailableError, match="A DICOM listener has ended"):
        await alive.sign()
    assert not file.exists()
    well = True
    await alive.sign()
    assert file.exists()
    await alive.stop()
    assert not file.exists()
    await database.dispose()
