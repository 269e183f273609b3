"""What runs a module, in the words of those who need it run.

A module reads one folder and writes another; it says nothing but lines of text and its exit code.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from scanhub_libraries.models.module import ModuleSettings
from workflow_manager.programs.child import Log

INPUT, OUTPUT, PERSISTENCE = "/tmp/data", "/tmp/output", "/tmp/persistence"  # noqa: S108 - mercure's
KILLED = 137
"""Exit code of what was killed (128 + SIGKILL)."""


def contract_variables(input_: str, output: str, persistence: str | None) -> dict[str, str]:
    """Return the variables that tell a module its folders: mercure's, MONAI's, Holoscan's.

    A module cannot give them another value.
    """
    variables = {
        "MERCURE_IN_DIR": input_,
        "MERCURE_OUT_DIR": output,
        "MONAI_INPUTPATH": input_,
        "MONAI_OUTPUTPATH": output,
        "HOLOSCAN_INPUT_PATH": input_,
        "HOLOSCAN_OUTPUT_PATH": output,
    }
    return variables if persistence is None else variables | {"MODULE_PERSISTENCE_DIR": persistence}


@dataclass(frozen=True, slots=True)
class Work:
    """One run of a module."""

    name: str
    """Its own among all that run on this machine; the same when it is repeated after a crash."""
    module: ModuleSettings
    input: Path
    output: Path
    scratch: Path
    """For what is of use while it runs only."""
    timeout_s: float
    """It is killed after so long [s]."""
    memory_bytes: int | None = None
    """Most that it may take [byte]."""
    cpus: float | None = None
    gpus: Sequence[str] = ()
    """Graphics processors that it has for itself."""
    persistence: Path | None = None
    """A folder that it finds again the next time."""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Of the module; they may be secret."""
    ask_to_stop: Callable[[], Awaitable[None]] | None = field(default=None, repr=False)
    """Tells a job of the SDK that it shall stop; it has some seconds then."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a module ended."""

    exit_code: int = -1
    canceled: bool = False
    timed_out: bool = False
    problem: str = ""
    """Why it did not even begin."""
    state: Literal["", "skipped", "timed_out", "blocked"] = ""
    """Of a job of the SDK that did not succeed, and did not just fail; `problem` says why."""


@dataclass(frozen=True, slots=True)
class Fitness:
    """Whether a module can run here."""

    runtime: str
    """What would run it."""
    problems: Sequence[str] = ()
    notes: Sequence[str] = ()


class Runner(Protocol):
    """Runs modules in one way."""

    async def examine(self, module: ModuleSettings, *, image: bool) -> Fitness:
        """Say whether a module can run here.

        Args:
            module: Its settings.
            image: Look for what it consists of too; that takes longer.
        """
        ...

    async def run(self, work: Work, cancel: asyncio.Event, log: Log) -> Ending:
        """Run a module to its end, or kill it: when `cancel` is set, or its time is over.

        Whatever is left of the same work from before a crash is removed first.
        """
        ...

    async def clear(self, name: str) -> None:
        """Kill and remove what is left of a work; nothing happens if there is nothing."""
        ...
