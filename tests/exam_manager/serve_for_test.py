"""exam-manager in a process that can be killed, also by itself at a point that the test names.

Arguments: folder, port. TEST_KILL_AT is `CALL PATTERN`: when the lake gets this call with a key
that matches, it ends the process with SIGKILL: after a `put`, in the middle of a `writer`, before a
removal. TEST_HOURS_LATER sets the clock on.
"""

import os
import re
import signal
import sys
from datetime import timedelta
from pathlib import Path

import uvicorn
from conftest import read_in_thread

from exam_manager.main import create_app
from exam_manager.settings import ExamManagerSettings
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import sqlite_url
from scanhub_libraries.lake import LocalLake
from scanhub_libraries.lake_part import LocalPartFile
from scanhub_libraries.logging import configure_logging


class DeadlyLake(LocalLake):
    """Ends the process in the middle of what it was asked for."""

    def __init__(self, root: Path, when: str) -> None:
        super().__init__(root)
        self._call, _, self._pattern = when.partition(" ")

    def _end(self, call: str, key: str) -> None:
        if call == self._call and re.search(self._pattern, key):
            os.kill(os.getpid(), signal.SIGKILL)

    async def put(self, key: str, data: bytes) -> str:
        checksum = await super().put(key, data)
        self._end("put", key)
        return checksum

    def writer(self, key: str) -> LocalPartFile:
        part = super().writer(key)
        write = part.write

        async def write_and_end(data: bytes) -> None:
            await write(data)
            self._end("writer", key)

        part.write = write_and_end
        return part

    async def delete(self, key: str) -> None:
        self._end("delete", key)
        await super().delete(key)

    async def delete_tree(self, prefix: str) -> None:
        self._end("delete_tree", prefix)
        await super().delete_tree(prefix)


def main(folder: Path, port: int) -> None:
    later = timedelta(hours=float(os.environ.get("TEST_HOURS_LATER", "0")))
    settings = ExamManagerSettings(
        database_url=sqlite_url(folder / "exam.sqlite"),
        lake_root=folder / "lake-root",
        keys_folder=folder / "keys",
        migrate=False,
    )
    configure_logging(json=True, level="DEBUG")
    app = create_app(settings, clock=lambda: utc_now() + later, read_sequence=read_in_thread)
    lake = DeadlyLake(settings.lake_root, os.environ.get("TEST_KILL_AT", ""))

    async def application(scope, receive, send):
        if scope["type"] == "http":
            app.state.lake = app.state.plotter._lake = lake
        await app(scope, receive, send)

    uvicorn.run(application, port=port, log_config=None, access_log=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
