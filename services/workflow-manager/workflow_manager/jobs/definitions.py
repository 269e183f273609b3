"""What is known of a job, whoever brings it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from scanhub_jobs.retention import Retention
from scanhub_libraries.models.job import JobData, JobDefinitionOut, JobInput


class HookInfo(NamedTuple):
    """A hook of a job's package: it runs before the first job of a session, or after the last."""

    name: str
    moment: str
    statuses: tuple[str, ...] = ()
    """Ends that it runs after; none: all."""


Source = Literal["built-in", "entry point"]


@dataclass(frozen=True, slots=True)
class JobDefinition:
    """A job: its name, what it can be told, what it reads and leaves, and its limits."""

    id: str
    """By which tasks and modules name it."""
    name: str
    source: Source
    version: str = ""
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """JSON Schema (2020-12)."""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """What it is told besides, by the installation: no task can change it, and nobody is shown it.
    """
    inputs: tuple[JobInput, ...] = ()
    outputs: tuple[JobData, ...] = ()
    events: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    timeout_s: float | None = None
    retries: int = 0
    memory_bytes: int | None = None
    cpus: int | None = None
    gpus: int = 0
    """Graphics processors that it gets for itself while it runs."""
    module: str = ""
    """A built-in job: the Python module that is run as a process, with files as arguments."""
    entry: str = ""
    """A job of the SDK: `module:function`."""
    hooks: tuple[HookInfo, ...] = ()
    retention: Retention = field(default_factory=Retention)
    """How long what it left in a session is kept."""
    package: str = ""
    """Name and version of the package that brings it."""
    problem: str = ""
    """Why it cannot run; empty: it can."""

    @property
    def reads_raw_data(self) -> bool:
        """Say whether it reads raw data and nothing else: such a job is one for exams."""
        return [kind for one in self.inputs for kind in one.kinds] == [JobData.RAW_DATA]

    def describe(self) -> JobDefinitionOut:
        """Return it as the API tells it."""
        return JobDefinitionOut.model_validate(self, from_attributes=True)
