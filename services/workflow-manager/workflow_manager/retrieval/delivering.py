"""What was fetched into a folder instead of being received: each file appears whole. Blocking."""

from pathlib import Path

from workflow_manager.senders.folder import COMPLETE, copy_whole, why


def deliver(source: Path, folder: Path, name: str) -> str:
    """Put files under `<folder>/<name>/<study>/<series>/`; return what is wrong, or nothing.

    Args:
        source: Folder with `<study>/<series>/<instance>.dcm`, named by checked UIDs.
        folder: Configured; never made: it may be a mount that is away.
        name: Of the retrieval.
    """
    if not folder.is_dir():
        return f"There is no folder {folder}."
    try:
        for file in sorted(source.rglob("*.dcm")):
            target = folder / name / file.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            copy_whole(file, target)
    except OSError as error:
        return why(error, folder)
    return ""


def mark_complete(folder: Path, name: str) -> str:
    """Say that all of a retrieval is there; return what is wrong, or nothing."""
    try:
        (folder / name).mkdir(exist_ok=True)
        (folder / name / COMPLETE).touch()
    except OSError as error:
        return why(error, folder)
    return ""
