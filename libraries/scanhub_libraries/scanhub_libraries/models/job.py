"""Jobs: what an installation can compute, and what each can be told."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from scanhub_libraries.models.fields import WireModel


class JobOut(WireModel):
    """A job in the form in which ScanHub lists them."""

    job_id: str
    job_name: str
    repository: str
    location: str


class JobData(StrEnum):
    """What a job reads or leaves."""

    RAW_DATA = "raw_data"
    """ISMRMRD."""
    IMAGES = "images"
    """DICOM."""
    REPORT = "report"
    """A JSON document with values."""
    CALIBRATION = "calibration"
    """The same, of the scanner."""
    FILES = "files"
    """Whatever it likes."""


class JobInput(WireModel):
    """What a job reads: results of tasks, each of one of these kinds."""

    kinds: Annotated[list[JobData], Field(min_length=1, description="Of one of these")]
    least: Annotated[int, Field(ge=0)] = 1
    most: Annotated[int, Field(ge=1)] = 1


class JobCheck(WireModel):
    """Parameters that a job is to be asked about."""

    parameters: Annotated[dict[str, Any], Field(description="By name")] = {}
    complete: Annotated[
        bool, Field(description="What is missing is wrong too; false: it may come later")
    ] = True


class JobDefinitionOut(WireModel):
    """A job: what it computes, of what, and what it can be told."""

    id: Annotated[str, Field(description="By which tasks and modules name it: `dag_id`")]
    name: str
    version: Annotated[str, Field(description="Stands in the images that it makes")] = ""
    description: str = ""
    parameters: Annotated[
        dict[str, Any],
        Field(description="JSON Schema (2020-12) of its parameters, with titles and defaults"),
    ] = {}
    inputs: list[JobInput] = []
    outputs: list[JobData] = []
    events: Annotated[
        list[str], Field(description="For a job of the SDK: what it runs for, such as a series")
    ] = []
    needs: Annotated[
        list[str], Field(description="Jobs that must have succeeded before it in the same chain")
    ] = []
    timeout_s: Annotated[
        float | None, Field(description="It is killed after so long; null: a setting [s]")
    ] = None
    retries: Annotated[
        int, Field(description="How often it is tried again by itself when it failed")
    ] = 0
    memory_bytes: Annotated[
        int | None, Field(description="Most that it may take; null: no limit of its own [byte]")
    ] = None
    cpus: Annotated[
        int | None, Field(description="Processors that it may use; null: all of them")
    ] = None
    gpus: Annotated[
        int, Field(description="Graphics processors that it gets for itself while it runs")
    ] = 0
    source: Annotated[
        Literal["built-in", "entry point"],
        Field(description="Of the platform, or of a package that is installed beside it"),
    ]
    package: Annotated[
        str, Field(description="Of an entry point: name and version of its package")
    ] = ""
    problem: Annotated[
        str, Field(description="Why it cannot run, for a person to read; empty: it can")
    ] = ""
