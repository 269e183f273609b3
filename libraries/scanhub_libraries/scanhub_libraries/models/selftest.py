"""Self-tests: synthetic images take the whole way, from the listener to a folder."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from scanhub_libraries.models.fields import WireModel


class SelfTestIn(WireModel):
    """Which self-test to do."""

    kind: Annotated[
        Literal["series", "study"], Field(description="What the rule of the test is about")
    ] = "series"
    mode: Annotated[
        Literal["route", "process"],
        Field(
            description="route: images are sent on; process: a reconstruction job makes them of "
            "raw data before, and a processing module changes them on their way"
        ),
    ] = "route"


StepName = Literal[
    "prepare",
    "process",
    "listener",
    "send",
    "index",
    "complete",
    "rule",
    "module",
    "dispatch",
    "arrival",
    "clean",
]


class SelfTestStep(WireModel):
    """One step."""

    name: StepName
    ok: bool
    seconds: Annotated[float, Field(description="How long it took [s]")]
    detail: str


class SelfTestOut(WireModel):
    """A self-test, and how far it came; the last step of one that failed says why."""

    id: UUID
    kind: Literal["series", "study"]
    mode: Literal["route", "process"]
    state: Literal["running", "passed", "failed"]
    steps: list[SelfTestStep]
    started_by: str
    started_at: datetime
    ended_at: datetime | None
