"""Files that have no copy are synced themselves, all together. Blocking."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from scanhub_libraries.logging import get_logger
from scanhub_libraries.writeback import begin_write_back

logger = get_logger(__name__)


def sync_each(places: Sequence[str]) -> set[str]:
    """Sync files; the disk begins with all of them before the first one is waited for.

    Args:
        places: Their paths.

    Returns:
        The paths of those that may not survive a power cut.
    """
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
