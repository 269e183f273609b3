"""The folders of a run: where its job works, and where its files go. Blocking calls."""

from pathlib import Path
from uuid import UUID

from scanhub_libraries.lake_unfinished import sync_directory

_LOGS = "run-logs"


class RunFolders:
    """Where the files of a run are while its job works, and its log.

    Args:
        root: Root of the lake.
        run_id: Which run.
    """

    def __init__(self, root: Path, run_id: UUID) -> None:
        self.work = (root / "runs" / str(run_id)).absolute()
        self.output = self.work / "output"
        self.context, self.parameters = self.work / "context.json", self.work / "parameters.json"
        self.session, self.scratch = self.work / "session", self.work / "scratch"
        self.stop = self.work / "stop"
        self.log = root / _LOGS / f"{run_id}.log"


def drop_logs(root: Path, before: float) -> int:
    """Remove the logs that were written last before a time [s since 1970]; say how many."""
    old = [path for path in (root / _LOGS).glob("*") if path.stat().st_mtime < before]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def file_names(folder: Path) -> list[str]:
    """Return the names of the files in a folder."""
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def write_context(path: Path, text: str) -> None:
    """Write what the job is told, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(text)
    part.rename(path)


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
