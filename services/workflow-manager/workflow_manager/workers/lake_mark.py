"""A mark in the lake: a worker finds it where the lake is mounted, and not in the empty folder."""

from pathlib import Path

from scanhub_libraries.errors import UnavailableError

_MARK = ".shared-lake"


def mark_lake(root: Path) -> None:
    """Mark the lake of a server whose work others may do. Blocking."""
    root.mkdir(parents=True, exist_ok=True)
    (root / _MARK).touch()


def check_lake(root: Path) -> None:
    """Find the mark. Blocking.

    Raises:
        UnavailableError: It is not there.
    """
    if not (root / _MARK).exists():
        raise UnavailableError(
            f"{root} is not the lake of a server: mount it there, and start a server once before "
            "its workers."
        )
