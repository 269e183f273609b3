"""What became of everything: shown, and written to a file."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console


@dataclass(slots=True)
class Report:
    """What was taken over, what was here, what was not taken and why, what is not as it was."""

    taken: Counter[str] = field(default_factory=Counter)
    here: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def tell(self, console: Console) -> None:
        """Show it: counts first, then each thing that a person has to look at."""
        for kind in sorted({*self.taken, *self.here}):
            again = f" ({self.here[kind]} were here already)" if self.here[kind] else ""
            console.print(f"[green]{self.taken[kind]}[/green] {kind}{again}", highlight=False)
        for title, lines in (("Changed:", self.notes), ("Not taken over:", self.refused)):
            if lines:
                console.print(f"\n{title}", highlight=False)
            for line in lines:
                console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        document = {
            "taken": dict(self.taken),
            "here": dict(self.here),
            "notes": self.notes,
            "refused": self.refused,
        }
        path.write_text(json.dumps(document, indent=2) + "\n")
