"""Settings of the runs of jobs: when they are computed, and how many at once."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StringConstraints

from scanhub_libraries.bucket import BucketOptions
from scanhub_libraries.database_settings import DatabaseSettings
from scanhub_libraries.models.routing_rule import ReviewOptions
from workflow_manager.dispatch.rules import Priority


def _names(value: Any) -> Any:
    """Take a number of graphics processors where their names may stand."""
    if isinstance(value, int) and not isinstance(value, bool):
        return tuple(map(str, range(value)))
    return value


GpuName = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z._:/-]{0,127}$")]


class RunSettings(DatabaseSettings):
    """What an installation decides about runs."""

    lake_bucket: BucketOptions | None = Field(
        None, description="Where results lie; none: in the lake's folder too"
    )
    recon_slots: int = Field(1, ge=1, le=64, description="Jobs that compute at the same time")
    run_priorities: dict[str, Priority] = Field(
        {},
        description="Priority of runs for which nobody asks for one, as a JSON object: job to "
        'urgent, normal or offpeak, as in `{"reconstruction": "urgent"}`; others are normal',
    )
    run_reviews: dict[str, ReviewOptions] = Field(
        {},
        description="Jobs of exams that begin only when a person has looked at their data, as a "
        'JSON object: job to role, deadline_s and at_deadline, as in `{"quality_report": {"role": '
        '"medical", "deadline_s": 3600, "at_deadline": "wait"}}`',
    )
    run_deadline_s: float | None = Field(
        None,
        gt=0,
        description="A run for which nobody asks for a deadline and that is not computed so long "
        "after it was queued ends as timed_out [s]; none: it waits and computes as long as it does",
    )
    gpu_slots: Annotated[tuple[GpuName, ...], BeforeValidator(_names)] = Field(
        (),
        max_length=64,
        description="Graphics processors that jobs and modules of this process may use, each one "
        "at a time, also when other processes of this machine may: how many, or their numbers or "
        'UUIDs as a JSON list, `["0", "1"]`; one that stands there twice is shared by two',
    )
    gpu_cdi: str = Field(
        "nvidia.com/gpu",
        pattern=r"^[0-9A-Za-z][0-9A-Za-z./_-]*$",
        description="How containers name these (CDI): the device NAME of this kind is KIND=NAME",
    )
    module_writes: tuple[Path, ...] = Field(
        (),
        description="Folders in which processes of modules and jobs of packages may change files, "
        "beside their own: where the kernel has Landlock they can nowhere else",
    )
