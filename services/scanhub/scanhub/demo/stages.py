"""The stages of the scan and how long each took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Stage:
    """One stage: name, seconds, and what is worth knowing of it."""

    name: str
    seconds: float = 0.0
    note: str = ""


@dataclass
class Stages:
    """All stages in order."""

    stages: list[Stage] = field(default_factory=list)

    @contextmanager
    def measure(self, name: str) -> Iterator[Stage]:
        """Measure what happens inside."""
        stage = Stage(name)
        started = time.perf_counter()
        try:
            yield stage
        finally:
            stage.seconds = time.perf_counter() - started
            self.stages.append(stage)

    def add(self, name: str, seconds: float, note: str = "") -> None:
        """Add a stage that was measured elsewhere."""
        self.stages.append(Stage(name, seconds, note))
