"""What a power cut took of received files comes back from the copies of their listener.

An answer promised them, so they are restored before anybody looks for them: a file that is torn is
written anew under all its names at once, one whose name is gone gets it again. Blocking.
"""

import os
from pathlib import Path

from scanhub_libraries.lake_unfinished import sync_directory
from scanhub_libraries.logging import get_logger
from workflow_manager.dicom.incoming import PART, WHOLE, promised
from workflow_manager.dicom.part10 import content_of, read_header
from workflow_manager.dicom.rules import NotStorableError, instance_key
from workflow_manager.dicom.segments import SUFFIX, Record, records

logger = get_logger(__name__)


def restore(folder: Path, root: Path) -> int:
    """Restore the files of a listener that has ended; say how many.

    Args:
        folder: Where it received them; nobody else uses it.
        root: That of the lake, to see which are in their places already.
    """
    count = 0
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        for record in records(path, of_other_start=True):
            count += _restore(path, record, root)
    if count:
        sync_directory(folder)
        logger.warning("received files that a power cut took are restored", count=count)
    return count


def _restore(segment: Path, record: Record, root: Path) -> bool:
    target = segment.parent / record.name
    said = promised(target)
    if said is None or target.suffix != WHOLE or target.parent != segment.parent:
        return False
    if _holds(target, said):
        return False
    part = target.with_name(record.name + PART)
    _write(part, _read(segment, record))
    # What differs was being written when the power failed: nobody was told that it is safe.
    if not _holds(part, said) or (not target.exists() and _is_in_place(part, said, root)):
        part.unlink()
        return False
    if target.exists():  # the lake has the same file under another name
        _write(target, part.read_bytes())
        part.unlink()
    else:
        part.rename(target)
    return True


def _read(segment: Path, record: Record) -> bytes:
    with segment.open("rb") as file:
        file.seek(record.place)
        return file.read(record.size)


def _write(path: Path, data: bytes) -> None:
    """Write a file from its beginning to its end, under all its names."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640), "wb") as file:
        file.write(data)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())


def _holds(path: Path, said: tuple[int, str]) -> bool:
    try:
        return path.exists() and content_of(path) == said
    except NotStorableError:
        return False


def _is_in_place(part: Path, said: tuple[int, str], root: Path) -> bool:
    """Say whether it was put away before."""
    try:
        header = read_header(part)
    except NotStorableError:
        return False
    uids = header.study_instance_uid, header.series_instance_uid, header.sop_instance_uid
    return _holds(root / instance_key(*uids), said)
