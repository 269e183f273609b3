"""Runs of jobs: what each was told, what it worked on, and what came of it."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from scanhub_libraries.models.fields import Percent, WireModel
from scanhub_libraries.models.job import JobData


class RunInput(WireModel):
    """A result that a run worked on."""

    task_id: UUID
    result_id: UUID
    kind: JobData | None = None
    files: Annotated[int | None, Field(description="How many; null: not known yet")] = None
    size_bytes: Annotated[int | None, Field(description="All files together [byte]")] = None
    sha256: Annotated[
        str | None,
        Field(
            description="Of the file; of several files, of what `sha256sum * | sha256sum` reads: a "
            "line for each, by name; null: not known yet"
        ),
    ] = None


class RunMachine(WireModel):
    """Where a run was computed, and with what."""

    host: str
    system: str
    python: str
    cpus: Annotated[int, Field(description="Processors that the job could use")]
    packages: Annotated[dict[str, str], Field(description="Version of each")] = {}


class RunOut(WireModel):
    """One run of a job."""

    id: UUID
    task_id: UUID
    exam_id: UUID | None
    job_id: str
    job_version: str = ""
    status: Literal["queued", "running", "succeeded", "failed", "canceled", "timed_out"]
    progress: Percent
    error: Annotated[str | None, Field(description="Why it did not succeed")]
    exit_code: Annotated[int | None, Field(description="Below 0: the signal that ended it")] = None
    input_at_fault: Annotated[
        bool, Field(description="The job says that trying again on the same data is no use")
    ] = False
    warnings: Annotated[list[str], Field(description="What the job assumed, or left out")] = []
    values: Annotated[
        dict[str, Any], Field(description="What the job found, by name; units end the names")
    ] = {}
    parameters: Annotated[
        dict[str, Any], Field(description="All that it was told, defaults too")
    ] = {}
    inputs: list[RunInput] = []
    machine: RunMachine | None = None
    log_tail: Annotated[str, Field(description="The end of the log, once it has ended")] = ""
    result_id: UUID | None
    attempt: int
    retry_of: Annotated[
        UUID | None, Field(description="The run that it does over again, on the same data")
    ] = None
    requested_by: str = ""
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
