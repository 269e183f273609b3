"""What a local session left: how long it is kept, and removing it when its time is over."""

import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import reduce
from operator import or_
from pathlib import Path

from scanhub_jobs.errors import JobInputError
from scanhub_jobs.hooks import session_status
from scanhub_jobs.local.stores import write_whole
from scanhub_jobs.results import JobResult, State
from scanhub_jobs.retention import Kept, Retention

_NOTE = "retention.json"


class FolderRecord:
    """A HookRecord: an empty file for each hook that was done."""

    def __init__(self, out: Path) -> None:
        self._folder = out / "hooks"

    def has(self, key: str) -> bool:
        """Say whether that was done."""
        return (self._folder / key).is_file()

    def note(self, key: str) -> None:
        """Note that it was."""
        write_whole(self._folder / key, b"")


def note_end(out: Path, results: Iterable[JobResult], retentions: Iterable[Retention]) -> Kept:
    """Note that a session has ended, and how long what it left is kept; remove it if no longer.

    A hold that somebody put on it stays.

    Args:
        out: Folder of the session.
        results: How its jobs ended.
        retentions: Of its jobs; the longest counts.
    """
    succeeded = session_status(results) is State.SUCCEEDED
    retention, now = reduce(or_, retentions), datetime.now(UTC)
    before = _read(out)
    kept = Kept(
        succeeded=succeeded,
        ended_at=now,
        until=retention.until(now, succeeded=succeeded),
        hold=retention.hold or (before is not None and before.hold),
        reason="" if before is None else before.reason,
    )
    _write(out, kept)
    clean(out, now=now)
    return kept


def hold(out: Path, reason: str) -> Kept:
    """Let nothing of a session be removed until it is released.

    Raises:
        JobInputError: No session has ended there.
    """
    return _change(out, hold=True, reason=reason)


def release(out: Path) -> Kept:
    """Let what a session left go when its time is over.

    Raises:
        JobInputError: No session has ended there.
    """
    return _change(out, hold=False, reason="")


def clean(out: Path, *, now: datetime | None = None) -> bool:
    """Remove data, files and images of a session whose time is over; say whether that was done.

    Its results, and the images that it worked on, stay.

    Raises:
        JobInputError: No session has ended there.
    """
    kept = _noted(out)
    jobs = out / "jobs"
    if not kept.expired(now or datetime.now(UTC)) or not jobs.is_dir():
        return False
    shutil.rmtree(jobs)
    return True


def _read(out: Path) -> Kept | None:
    path = out / _NOTE
    return Kept.model_validate_json(path.read_bytes()) if path.is_file() else None


def _noted(out: Path) -> Kept:
    found = _read(out)
    if found is None:
        raise JobInputError(f"No session has ended in {out}: there is no {_NOTE}.")
    return found


def _change(out: Path, **changes: bool | str) -> Kept:
    kept = _noted(out).model_copy(update=changes)
    _write(out, kept)
    return kept


def _write(out: Path, kept: Kept) -> None:
    write_whole(out / _NOTE, kept.model_dump_json(indent=2).encode())
