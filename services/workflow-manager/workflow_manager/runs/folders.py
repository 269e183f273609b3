"""The folders of a run: where its job works, and where its images go. Blocking calls."""

from pathlib import Path

from scanhub_libraries.lake_unfinished import sync_directory


def image_names(folder: Path) -> list[str]:
    """Return the names of the images in a folder."""
    return sorted(path.name for path in folder.iterdir() if path.suffix == ".dcm")


def write_context(folder: Path, text: str) -> None:
    """Write what the job is told, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / "context.json.part"
    part.write_text(text)
    part.rename(folder / "context.json")


def put_in_place(output: Path, target: Path) -> None:
    """Move what the job made to its place in the lake, in one step."""
    sync_directory(output)
    target.parent.mkdir(parents=True, exist_ok=True)
    output.rename(target)
    sync_directory(target.parent)


def take_back(target: Path, work: Path) -> None:
    """Move the result folder away in one step; it goes with the work folder."""
    if not target.exists():
        return
    work.mkdir(parents=True, exist_ok=True)
    target.rename(work / "taken-back")
    sync_directory(target.parent)
