"""The health of a service, part by part."""

from typing import Annotated, Literal

from pydantic import Field

from scanhub_libraries.models.fields import WireModel

HealthState = Literal["ok", "warning", "failing"]


class HealthPart(WireModel):
    """One part: a queue, a target, the listener, a disk, the journal, a process."""

    kind: Literal["queue", "target", "listener", "disk", "journal", "runtime", "worker"]
    name: str
    state: HealthState
    detail: Annotated[str, Field(description="In words, for people")]
    numbers: Annotated[
        dict[str, float], Field(description="With the unit in the name: oldest_s, free_bytes")
    ] = {}


class HealthDetail(WireModel):
    """A service with its parts; its state is that of its worst part."""

    state: HealthState
    parts: list[HealthPart]
