"""Python programs that end with the service, whatever it ends of, and take no more than they may.

`scanhub_jobs.supervised` sees to it in the process itself. They get none of the variables of the
service but a few: others may hold secrets.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workflow_manager.programs import child
from workflow_manager.programs.child import Hear, Log

_KEPT = (
    *("PATH", "LANG", "LC_ALL", "TZ", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "TMPDIR"),
    *("HOME", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a program may take; none: as much as it likes."""

    timeout_s: float | None = None
    """It is killed after so long [s]."""
    memory_bytes: int | None = None
    cpus: float | None = None
    writes: Sequence[Path] = ()
    """Folders in which it may change files; none given: wherever the service may."""

    def options(self) -> list[str]:
        """Return what `scanhub_jobs.supervised` is told."""
        options = [f"--write={folder.absolute()}" for folder in self.writes]
        if self.memory_bytes is not None:
            options.append(f"--memory={self.memory_bytes}")
        if self.cpus is not None:
            options.append(f"--cpus={max(1, round(self.cpus))}")
        return options


@dataclass(frozen=True, slots=True)
class Supervised:
    """A Python program: what it is, and what it gets."""

    program: str
    """Name of a module, or absolute path of a file or of a folder with a `__main__.py`."""
    arguments: Sequence[str] = ()
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Beside those that every program gets; they may be secret."""
    folder: Path | None = None
    """Where it runs; none: where the service does."""
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class End:
    """How a program ended."""

    exit_code: int = -1
    """Below 0: the signal that ended it; -1 also when it does not end."""
    canceled: bool = False
    timed_out: bool = False


async def run(
    work: Supervised,
    cancel: asyncio.Event,
    log: Log,
    hear: Hear | None = None,
    *,
    ask_to_stop: Callable[[], Awaitable[None]] | None = None,
    grace_s: float = 5.0,
) -> End:
    """Run a program to its end, or kill it with all that it started.

    Args:
        work: What to run.
        cancel: Set: stop it. The cancellation of this task kills it.
        log: Takes what it says.
        hear: Takes its standard output instead.
        ask_to_stop: Tells it that it shall stop, or that its time is over; none: it is killed.
        grace_s: How long it has then before it is killed [s].
    """
    parent = str(os.getpid())
    command = [
        *(sys.executable, "-m", "scanhub_jobs.supervised", parent, *work.limits.options()),
        *(work.program, *work.arguments),
    ]
    process = await child.start(
        command, environment_of(work.variables), work.folder, apart=hear is not None
    )
    try:
        ended = await child.follow(process, cancel, log, work.limits.timeout_s, hear)
        if not ended.by_itself and ask_to_stop is not None:
            await ask_to_stop()
            await child.follow(process, asyncio.Event(), log, grace_s, hear)
    finally:
        code = await asyncio.shield(child.reap(process))
    return End(
        exit_code=-1 if code is None else code,
        canceled=ended.canceled,
        timed_out=ended.timed_out,
    )


def environment_of(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a program: a few of the service, and its own."""
    own = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**own, "PYTHONUNBUFFERED": "1", **variables}
