"""The folders of a run of modules. Blocking calls; links are never followed.

`processing/RUN/STEP/in` is what a module reads, `working` what it writes, `out` the same once it
ended well: renamed in one step, so that a step whose `out` is there is done.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from scanhub_libraries.lake_unfinished import sync_directory

RESULT, TASK = "result.json", "task.json"
_OURS = (RESULT, TASK)
_MOST_RESULT = 2**20
_MOST_FILES = 1_000_000


class StepFolders:
    """The folders of a step.

    Args:
        root: Root of the lake.
        run_id: Which run.
        position: Number of the step, from 1.
    """

    def __init__(self, root: Path, run_id: UUID, position: int) -> None:
        run = run_folder(root, run_id)
        self.base = run / str(position)
        self.input, self.working = self.base / "in", self.base / "working"
        self.output, self.scratch = self.base / "out", self.base / "scratch"
        self.log = run / "logs" / f"{position}.log"

    def begin(self) -> None:
        """Make the folders anew, whatever an earlier attempt left."""
        shutil.rmtree(self.base, ignore_errors=True)
        for folder in (self.input, self.working, self.scratch):
            folder.mkdir(parents=True)

    def end(self) -> None:
        """Let what the module wrote count."""
        sync_directory(self.working)
        self.working.rename(self.output)
        sync_directory(self.base)
        for folder in (self.input, self.scratch):
            shutil.rmtree(folder, ignore_errors=True)

    def pass_on(self) -> None:
        """Let what was given count, as if the step were not there."""
        given = [one for one in outputs(self.input) if one[0].suffix != ".tags"]
        give(given, self.working, copies=False)
        self.end()

    def drop(self) -> None:
        """Remove what a module that failed left; its log stays."""
        shutil.rmtree(self.base, ignore_errors=True)


def run_folder(root: Path, run_id: UUID) -> Path:
    """Return the folder of a run."""
    return root / "processing" / run_id.hex


def files_folder(root: Path, run_id: UUID) -> Path:
    """Return where the files of a run are that are no images."""
    return run_folder(root, run_id) / "files"


def walk(folder: Path) -> Iterator[Path]:
    """Yield the regular files below a folder, in the order of their names."""
    found = 0
    for place, folders, names in os.walk(folder, followlinks=False):
        folders.sort()
        for name in sorted(names):
            path = Path(place, name)
            if path.is_symlink() or not path.is_file():
                continue
            found += 1
            if found > _MOST_FILES:
                return
            yield path


def give(files: Sequence[tuple[Path, str]], folder: Path, *, copies: bool) -> None:
    """Put files into a folder.

    Args:
        files: Each with its name there.
        folder: Where.
        copies: The module could write to them: then it must not get the files themselves.
    """
    for source, name in files:
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if not copies:
            try:
                place.hardlink_to(source)
                continue
            except OSError:  # another disk, or too many links
                pass
        shutil.copyfile(source, place)


def outputs(folder: Path) -> list[tuple[Path, str]]:
    """Return what a module wrote for the next one: all but result.json and task.json."""
    return [
        (path, str(path.relative_to(folder)))
        for path in walk(folder)
        if str(path.relative_to(folder)) not in _OURS
    ]


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON file."""
    path.write_text(json.dumps(document, ensure_ascii=False, indent=2), encoding="utf-8")


def read_result(folder: Path) -> tuple[Any, str]:
    """Return result.json of a module, and what is wrong with it; None: it left none."""
    path = folder / RESULT
    if path.is_symlink() or not path.is_file():
        return None, ""
    if path.stat().st_size > _MOST_RESULT:
        return None, f"{RESULT} is larger than {_MOST_RESULT} bytes: it is not looked at."
    try:
        # PostgreSQL takes no NUL, and JSON knows no NaN.
        return json.loads(
            path.read_text(encoding="utf-8").replace("\\u0000", ""), parse_constant=_none
        ), ""
    except (ValueError, RecursionError) as error:
        return None, f"{RESULT} is no JSON: {error}"


def _none(_constant: str) -> None:
    """Take NaN and Infinity for no number: JSON has neither."""


def keep_files(output: Path, folder: Path, paths: Sequence[Path]) -> list[str]:
    """Move files that are no images out of the way; return their names."""
    for path in paths:
        place = folder / path.relative_to(output)
        place.parent.mkdir(parents=True, exist_ok=True)
        path.rename(place)
    return sorted(str(path.relative_to(folder)) for path in walk(folder))


def drop_work(root: Path, run_id: UUID) -> None:
    """Remove the folders of the steps; logs and files that are no images stay."""
    folder = run_folder(root, run_id)
    for path in folder.iterdir() if folder.exists() else ():
        if path.name not in {"logs", "files"}:
            shutil.rmtree(path, ignore_errors=True)


def drop_all(root: Path, run_id: UUID) -> None:
    """Remove everything of a run."""
    shutil.rmtree(run_folder(root, run_id), ignore_errors=True)
