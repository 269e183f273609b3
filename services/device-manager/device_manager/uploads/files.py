"""The files of uploads that are not whole: the same object as before knows its checksum."""

from collections.abc import Container
from uuid import UUID

from scanhub_libraries.lake import Lake
from scanhub_libraries.lake_unfinished import UnfinishedFile

_REMEMBERED = 64
"""Sums of files that are between two requests; any other file is read again."""


class Files:
    """Finds the file of an upload.

    Args:
        lake: Where it is.
        written: The uploads that are being written: they are not forgotten.
    """

    def __init__(self, lake: Lake, written: Container[UUID]) -> None:
        self._lake = lake
        self._written = written
        self._known: dict[UUID, UnfinishedFile] = {}

    def find(self, upload_id: UUID) -> UnfinishedFile:
        """Return the file of an upload, whether it is there or not."""
        file = self._known.pop(upload_id, None) or self._lake.unfinished(str(upload_id))
        self._known[upload_id] = file
        idle = [known for known in self._known if known not in self._written]
        for oldest in idle[: max(0, len(self._known) - _REMEMBERED)]:
            del self._known[oldest]
        return file

    async def drop(self, upload_id: UUID) -> None:
        """Remove it, if it is there."""
        file = self.find(upload_id)
        del self._known[upload_id]
        await file.discard()
