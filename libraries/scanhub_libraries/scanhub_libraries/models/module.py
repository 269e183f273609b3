"""Processing modules: containers that compute images from images, with mercure's settings.

Values of the environment are written and never read: `ModuleOut.environment` tells which are there.
"""

from datetime import datetime
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints

from scanhub_libraries.models.fields import Parameter, ShortText, Text, WireModel, WithoutNul
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


class _Module(WireModel):
    name: ModuleName
    docker_tag: Annotated[
        str,
        StringConstraints(max_length=300, pattern=r"^[0-9A-Za-z][0-9A-Za-z._/:@-]*$"),
        Field(description="Image of the container"),
    ]
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


class ModuleIn(_Module):
    """Settings of a module."""

    environment: Annotated[
        dict[Variable, Secret | None] | None,
        Field(
            max_length=200,
            description="Variables. Left out: they stay as they are. A name with null keeps its "
            "value; one that is not there is removed",
        ),
    ] = None


class ModuleOut(_Module):
    """Settings of a module; of its variables only the names."""

    environment: list[str]
    version: int
    created_at: datetime
    updated_at: datetime | None


class ModuleVersionOut(TargetVersionOut):
    """One version of a module: who made it, when, and why."""

    change: Literal["created", "updated", "reverted", "deleted"]
