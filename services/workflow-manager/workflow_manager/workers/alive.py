"""Says that a process without an API is well: to health checks, by the age of a file."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from scanhub_libraries.database import Sessions, reading
from scanhub_libraries.errors import UnavailableError
from scanhub_libraries.repeating import Repeating

EVERY_S: Final = 3.0


class Alive:
    """Touches a file every few seconds while the event loop runs and the database answers.

    Args:
        sessions: Of the database that is asked.
        file: Touched; made where it is not there.
        is_well: Says whether what the process is for works.
    """

    def __init__(self, sessions: Sessions, file: Path, is_well: Callable[[], bool]) -> None:
        self._sessions = sessions
        self._file = file
        self._is_well = is_well
        self._signs = Repeating("a sign of life for health checks", self.sign, EVERY_S)

    def start(self) -> None:
        """Begin."""
        self._signs.start()

    async def stop(self) -> None:
        """End; the file goes, so that nobody takes the process for alive."""
        await self._signs.stop()
        self._file.unlink(missing_ok=True)

    async def sign(self) -> None:
        """Touch the file.

        Raises:
            UnavailableError: The process does not do what it is for.
        """
        async with reading(self._sessions) as session:
            await session.execute(sa.text("SELECT 1"))
        if not self._is_well():
            raise UnavailableError("A DICOM listener has ended and is started again.")
        self._file.touch()
