"""What the demo shows: progress bars while it runs, a table at the end."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from scanhub.demo.data import PASSWORD, USERNAME, ScanTasks
from scanhub.demo.follow import EventDocument
from scanhub.demo.stages import Stages


class Bars:
    """For each scan a bar, one for its reconstruction, and one for the archive."""

    def __init__(self, console: Console, scans: Sequence[ScanTasks]) -> None:
        self.progress = Progress(
            TextColumn("{task.description:<16}"),
            BarColumn(bar_width=36),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            console=console,
        )
        self._by_task: dict[str, TaskID] = {}
        self._archive: dict[str, TaskID] = {}
        for scan in scans:
            self._by_task[str(scan.acquisition)] = self._add(f"{scan.short} scan")
            self._by_task[str(scan.reconstruction)] = self._add("Reconstruction")
            self._archive[str(scan.reconstruction)] = self._add("To the archive")

    def _add(self, name: str) -> TaskID:
        return self.progress.add_task(name, total=100, start=False)

    def show(self, event: EventDocument) -> None:
        """Move the bars as the events say."""
        data = event["data"]
        task = str(data.get("task_id"))
        if event["type"].startswith("dispatch.") and task in self._archive:
            self.progress.start_task(self._archive[task])
            total = max(int(data.get("instances") or 1), 1)
            done = 100 * int(data.get("sent") or 0) / total
            self.progress.update(self._archive[task], completed=done)
            return
        bar = self._by_task.get(task)
        if bar is None or not event["type"].startswith("exam.task."):
            return
        self.progress.start_task(bar)
        self.progress.update(bar, completed=int(data.get("progress") or 0))


@dataclass(frozen=True)
class Outcome:
    """What the scan left."""

    stages: Stages
    pictures: dict[str, tuple[Path, int, int]]
    """By the description of a series: its file, rows and columns."""
    archive_folder: Path
    archived: list[Path]
    url: str


def show_outcome(console: Console, outcome: Outcome) -> None:
    """Print the table."""
    table = Table(title="One exam, from login to archive", title_justify="left")
    table.add_column("Stage")
    table.add_column("Time", justify="right")
    table.add_column("What happened", overflow="fold")
    for stage in outcome.stages.stages:
        table.add_row(stage.name, f"{stage.seconds:.3f} s", stage.note)
    console.print(table)
    for path, rows, columns in outcome.pictures.values():
        console.print(f"Image     {path}  ({rows} x {columns})", soft_wrap=True)
    console.print(
        f"Archive   {len(outcome.archived)} instance(s) received in {outcome.archive_folder}",
        soft_wrap=True,
    )
    console.print(f"Look      {outcome.url}", soft_wrap=True)
    console.print(f"Log in    {USERNAME} / {PASSWORD}", soft_wrap=True)
