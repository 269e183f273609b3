"""What the demo shows: progress bars while it runs, a table at the end."""

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from scanhub.demo.data import PASSWORD, USERNAME
from scanhub.demo.follow import EventDocument
from scanhub.demo.stages import Stages


class Bars:
    """One bar for the scan, one for the reconstruction, one for the archive."""

    def __init__(self, console: Console, scan: UUID, reconstruction: UUID) -> None:
        self.progress = Progress(
            TextColumn("{task.description:<16}"),
            BarColumn(bar_width=36),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            console=console,
        )
        self._by_task: dict[str, TaskID] = {
            str(scan): self.progress.add_task("Scan", total=100, start=False),
            str(reconstruction): self.progress.add_task("Reconstruction", total=100, start=False),
        }
        self._archive = self.progress.add_task("To the archive", total=100, start=False)

    def show(self, event: EventDocument) -> None:
        """Move the bars as the events say."""
        data = event["data"]
        if event["type"].startswith("dispatch."):
            self.progress.start_task(self._archive)
            total = max(int(data.get("instances") or 1), 1)
            self.progress.update(self._archive, completed=100 * int(data.get("sent") or 0) / total)
            return
        bar = self._by_task.get(str(data.get("task_id")))
        if bar is None or not event["type"].startswith("exam.task."):
            return
        self.progress.start_task(bar)
        self.progress.update(bar, completed=int(data.get("progress") or 0))


@dataclass(frozen=True)
class Outcome:
    """What the scan left."""

    stages: Stages
    image: Path
    image_size: tuple[int, int]
    archive_folder: Path
    archived: list[Path]
    url: str


def show_outcome(console: Console, outcome: Outcome) -> None:
    """Print the table."""
    table = Table(title="One scan, from login to archive", title_justify="left")
    table.add_column("Stage")
    table.add_column("Time", justify="right")
    table.add_column("What happened", overflow="fold")
    for stage in outcome.stages.stages:
        table.add_row(stage.name, f"{stage.seconds:.3f} s", stage.note)
    console.print(table)
    rows, columns = outcome.image_size
    console.print(f"Image     {outcome.image}  ({rows} x {columns})", soft_wrap=True)
    console.print(
        f"Archive   {len(outcome.archived)} instance(s) received in {outcome.archive_folder}",
        soft_wrap=True,
    )
    console.print(f"Look      {outcome.url}", soft_wrap=True)
    console.print(f"Log in    {USERNAME} / {PASSWORD}", soft_wrap=True)
