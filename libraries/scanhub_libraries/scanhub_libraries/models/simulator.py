"""Simulated scanners that the server starts by itself."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from scanhub_libraries.models.fields import Name, WireModel


class StartSimulator(WireModel):
    """Which simulated scanner to start."""

    device_id: Annotated[
        UUID | None, Field(description="A simulated device of before; none: one is made")
    ] = None
    name: Annotated[Name, Field(description="What the new device is called")] = "Simulated scanner"


class SimulatorsOut(WireModel):
    """Whether this server starts simulated scanners, and which run."""

    allowed: bool
    reason: Annotated[str | None, Field(description="Why none can be started")] = None
    running: Annotated[list[UUID], Field(description="The devices whose simulated scanner runs")]
    started: Annotated[
        UUID | None, Field(description="The device of the one that was just started")
    ] = None
