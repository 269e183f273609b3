"""Processing modules: they compute images from images, as containers, processes or jobs.

The settings of containers are mercure's. Values of the environment are written and never read:
`ModuleOut.environment` tells which are there.
"""

from datetime import datetime
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from scanhub_libraries.models.fields import (
    JSONObject,
    Parameter,
    ShortText,
    Text,
    WireModel,
    WithoutNul,
)
from scanhub_libraries.models.target import Secret
from scanhub_libraries.models.target_history import TargetVersionOut

ARGUMENTS = frozenset(
    {
        "blkio_weight",
        "cpu_count",
        "cpu_percent",
        "cpu_period",
        "cpu_quota",
        "cpu_rt_period",
        "cpu_rt_runtime",
        "cpu_shares",
        "cpuset_cpus",
        "cpuset_mems",
        "device_read_bps",
        "device_read_iops",
        "device_write_bps",
        "device_write_iops",
        "healthcheck",
        "labels",
        "mem_limit",
        "memswap_limit",
        "nano_cpus",
        "pids_limit",
        "read_only",
        "runtime",
        "shm_size",
        "stop_signal",
    }
)
"""What a module may ask of the container engine: limits, and nothing that leads out of it."""


def _check_arguments(arguments: dict[str, Any]) -> dict[str, Any]:
    strange = sorted(set(arguments) - ARGUMENTS)
    if strange:
        raise ValueError(f"{', '.join(strange)[:200]}: a module may not ask for that")
    return arguments


def _check_volumes(volumes: dict[str, Any]) -> dict[str, Any]:
    for place in volumes:
        path = PurePosixPath(place)
        if not path.is_absolute() or ".." in path.parts or not place.isprintable():
            raise ValueError(f"{place[:200]!r} is no absolute path of a folder")
    return volumes


Variable = Annotated[str, StringConstraints(max_length=200, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
ModuleName = Annotated[str, StringConstraints(max_length=100, pattern=r"^[0-9A-Za-z_-]+$")]


class ModuleSettings(WireModel):
    """What a module is and how it runs, without its variables."""

    name: ModuleName
    runner: Annotated[
        Literal["container", "process", "job"],
        Field(
            description="How it runs: as a container, as a Python process of this server, or as a "
            "job of the SDK whose package is installed beside it"
        ),
    ] = "container"
    docker_tag: Annotated[
        str,
        StringConstraints(max_length=300, pattern=r"^([0-9A-Za-z][0-9A-Za-z._/:@-]*)?$"),
        Field(description="Image of the container; empty: it is no container"),
    ] = ""
    entry_point: Annotated[
        str,
        StringConstraints(max_length=300, pattern=r"^([0-9A-Za-z_][0-9A-Za-z_./-]*)?$"),
        Field(
            description="Of a process: a Python file, or a folder with a __main__.py, below the "
            "folder of modules (SCANHUB_WORKFLOW_MODULE_FOLDER); built_in/...: one of ours"
        ),
    ] = ""
    job: Annotated[
        str,
        StringConstraints(max_length=100, pattern=r"^([0-9a-z][0-9a-z._-]*)?$"),
        Field(description="Of a job: its id, one of `GET /jobs`"),
    ] = ""
    peers: Annotated[
        list[ShortText],
        Field(
            max_length=100,
            description="Of a job: targets (DICOM nodes) that it may send to by itself",
        ),
    ] = []
    timeout_s: Annotated[
        float | None,
        Field(gt=0, le=30 * 86_400, description="It is killed after so long; null: a setting [s]"),
    ] = None
    memory_bytes: Annotated[
        int | None,
        Field(ge=16 * 2**20, le=2**50, description="Most that it may take; null: a setting [byte]"),
    ] = None
    cpus: Annotated[
        float | None,
        Field(gt=0, le=1024, description="Processors that it may use; null: a setting"),
    ] = None
    gpus: Annotated[
        int,
        Field(
            ge=0,
            le=16,
            description="Graphics processors that it gets for itself while it runs; it waits for "
            "them where the process has as many (SCANHUB_WORKFLOW_GPU_SLOTS)",
        ),
    ] = 0
    output_bytes: Annotated[
        int | None,
        Field(
            ge=2**20,
            le=2**50,
            description="Most that it may write, all files together; with more it is killed; "
            "null: a setting [byte]",
        ),
    ] = None
    output_files: Annotated[
        int | None,
        Field(
            ge=1,
            le=1_000_000,
            description="Most files and folders that it may make; with more it is killed; "
            "null: a setting",
        ),
    ] = None
    input_writable: Annotated[
        bool,
        Field(
            description="It may change its input: it gets copies, where others get the images "
            "themselves, read-only"
        ),
    ] = False
    additional_volumes: Annotated[
        Parameter,
        AfterValidator(_check_volumes),
        Field(description="Folder of the host to how it is mounted"),
    ] = {}
    docker_arguments: Annotated[
        Parameter, AfterValidator(_check_arguments), Field(description="Limits of the container")
    ] = {}
    settings: Annotated[Parameter, Field(description="A rule may overlay them")] = {}
    contact: ShortText = ""
    comment: Text = ""
    constraints: Annotated[Text, Field(description="Where it may run, as mercure has it")] = ""
    resources: Annotated[Text, Field(description="What it needs, as mercure has it")] = ""
    requires_root: bool = False
    requires_persistence: Annotated[
        bool, Field(description="It keeps a folder from one run to the next")
    ] = False
    persistence_folder_name: Annotated[
        str, StringConstraints(max_length=100, pattern=r"^[0-9A-Za-z_-]*$"), WithoutNul
    ] = ""
    network_enabled: bool = False


class ModuleIn(ModuleSettings):
    """Settings of a module."""

    @model_validator(mode="after")
    def _check_runner(self) -> Self:
        if self.runner == "container" and not self.docker_tag:
            raise ValueError("docker_tag: a container needs an image")
        if self.runner == "process" and not self.entry_point:
            raise ValueError("entry_point: a process needs the Python file that it runs")
        if self.runner == "job" and not self.job:
            raise ValueError("job: name the job of the SDK that it runs")
        if any(part in {"", ".", ".."} for part in self.entry_point.split("/")[:-1]):
            raise ValueError("entry_point: name a file below the folder of modules")
        return self

    environment: Annotated[
        dict[Variable, Secret | None] | None,
        Field(
            max_length=200,
            description="Variables. Left out: they stay as they are. A name with null keeps its "
            "value; one that is not there is removed",
        ),
    ] = None


class ModuleOut(ModuleSettings):
    """Settings of a module; of its variables only the names."""

    environment: list[str]
    version: int
    created_at: datetime
    updated_at: datetime | None
    problems: Annotated[
        list[str],
        Field(description="Why it cannot run on this server as it is; empty: nothing is known"),
    ] = []


class ModuleTest(WireModel):
    """Whether a module can run on this server."""

    ok: bool
    runtime: Annotated[
        str, Field(description="What would run it: podman, docker, process or job; empty: nothing")
    ] = ""
    problems: Annotated[list[str], Field(description="What speaks against it, each a sentence")]
    notes: Annotated[
        list[str], Field(description="What is worth knowing: settings that have no effect here")
    ] = []


class ModuleVersionOut(TargetVersionOut):
    """One version of a module: who made it, when, and why."""

    change: Literal["created", "updated", "reverted", "deleted"]


class ModulePersistenceIn(WireModel):
    """What a module is to find in its persistence.json."""

    document: Annotated[JSONObject, Field(description="1 MiB of JSON at most")]


class ModulePersistence(WireModel):
    """persistence.json in the folder that a module finds again."""

    document: Annotated[Any, Field(description="Null: there is no file, or it cannot be shown")] = (
        None
    )
    size: Annotated[int | None, Field(description="Null: there is no file [byte]")] = None
    problem: Annotated[str, Field(description="Why it cannot be shown; empty: it can")] = ""
    in_use: Annotated[
        bool, Field(description="A module that uses the folder runs: nobody can change it now")
    ] = False
