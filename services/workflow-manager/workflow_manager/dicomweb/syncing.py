"""Several files are on the disk: their copies, where there are some, by one sync. Blocking."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from scanhub_libraries.logging import get_logger
from scanhub_libraries.writeback import begin_write_back
from workflow_manager.dicom.incoming import Written
from workflow_manager.dicom.redo import Redo, Together

logger = get_logger(__name__)


class Syncing:
    """Files that shall be on the disk: their copies by one sync, those without one together.

    Args:
        redo: Takes copies that are synced in the place of files: then the files themselves are when
            they are put away. None: the files are synced now.
    """

    def __init__(self, redo: Redo | None) -> None:
        self._copies = None if redo is None else Together(redo)
        self._alone: list[str] = []

    def add(self, file: Written) -> None:
        """Take a whole file, under the name that says what it holds."""
        try:
            is_copied = self._copy(file)
        except OSError as error:
            logger.warning("a received file was not copied", error=repr(error))
            is_copied = False
        if not is_copied:
            self._alone.append(file.place)

    def _copy(self, file: Written) -> bool:
        if self._copies is None:
            return False
        source = os.open(file.place, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return self._copies.add(source, file.size, file.place)
        finally:
            os.close(source)

    def finish(self) -> set[str]:
        """Let all survive a power cut; return the places of those that do not."""
        if self._copies is not None:
            self._alone += self._copies.sync()
        return _sync_each(self._alone)


def _sync_each(places: Sequence[str]) -> set[str]:
    """Sync files; the disk begins with all of them before the first one is waited for."""
    failed: set[str] = set()
    opened: list[tuple[str, int]] = []
    for place in places:
        with _noting(place, failed):
            file = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
            opened.append((place, file))
            begin_write_back(file, 0, os.fstat(file).st_size, worth_bytes=0)
    for place, file in opened:
        with _noting(place, failed):
            try:
                os.fdatasync(file)
            finally:
                os.close(file)
    return failed


@contextmanager
def _noting(place: str, failed: set[str]) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        failed.add(place)
        logger.exception("a received file cannot be synced", error=repr(error))
