"""The file in the lake that a stream grows in, for whoever reads along."""

import os
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from scanhub_libraries.errors import ConflictError
from scanhub_libraries.lake import STREAM_FOLDER, Lake, stream_key
from scanhub_libraries.threads import to_the_end

BEGUN = "This scan has had its stream; it cannot be begun again."


class StreamFile:
    """A file that is appended to, and read by others while it grows.

    It is opened for each piece: on a network file system, others see what was written when a file
    is closed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.size = 0

    async def append(self, data: bytes) -> None:
        """Write at the end.

        Raises:
            OSError: The lake cannot take it, or the file was removed.
        """
        await to_the_end(self._append, data)

    def _append(self, data: bytes) -> None:
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(file, rest) :]
        finally:
            os.close(file)
        self.size += len(data)


async def create(lake: Lake, acquisition_id: UUID) -> StreamFile:
    """Make the file of a stream.

    Raises:
        ConflictError: There is one: a stream cannot be begun again, its readers would miss a part.
    """
    key = stream_key(acquisition_id)
    if lake.exists(key):
        raise ConflictError(BEGUN)
    await lake.put(key, b"")
    return StreamFile(lake.path(key))


async def list_ids(lake: Lake) -> list[UUID]:
    """Return the acquisitions that have a file."""
    found = []
    for file in await lake.list_files(STREAM_FOLDER):
        with suppress(ValueError):
            found.append(UUID(file.name.partition(".")[0]))
    return found


async def remove(lake: Lake, acquisition_id: UUID) -> None:
    """Remove the file, if it is there; who has it open reads on."""
    await lake.delete(stream_key(acquisition_id))
