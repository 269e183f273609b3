"""Queues of the run engine, and the processes that serve them."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from scanhub_libraries.models.fields import ShortText, WireModel


class QueuePauseIn(WireModel):
    """Why a queue is paused."""

    reason: ShortText = ""


class QueuePauseOut(WireModel):
    """A queue that somebody paused."""

    reason: str
    paused_by: str
    paused_at: datetime


class WorkerDrainIn(WireModel):
    """Why a process is to begin nothing more."""

    reason: ShortText = ""


class WorkerDrainOut(WireModel):
    """A process that somebody drains."""

    reason: str
    drained_by: str
    drained_at: datetime


class QueueOut(WireModel):
    """A queue of the run engine."""

    name: str
    description: str
    waiting: Annotated[int, Field(description="Queued, or waiting for another attempt")]
    running: int
    served_by: Annotated[list[str], Field(description="Processes that do its work now")]
    paused: QueuePauseOut | None
    problem: Annotated[str, Field(description="What is to be done; empty: nothing")]


class WorkOut(WireModel):
    """Something that a process does."""

    queue: str
    kind: Annotated[
        str, Field(description="run, processing, dispatch, notification, retrieval, ...")
    ]
    key: Annotated[str, Field(description="Id of the run, or id and number of the attempt")]
    since: datetime


class WorkerOut(WireModel):
    """A process that shares the work."""

    name: Annotated[str, Field(description="Its name in the run engine; no two have the same")]
    kind: Annotated[
        Literal["server", "worker", "receiver"],
        Field(
            description="worker: serves queues and nothing else; receiver: has the DICOM listener"
        ),
    ]
    host: str
    pid: int
    version: str
    queues: Annotated[list[str], Field(description="Of which it does the work")]
    paused: Annotated[
        list[str], Field(description="Queues of which it begins nothing: it has heard of the pause")
    ]
    state: Annotated[
        Literal["running", "draining", "silent", "lost"],
        Field(
            description="draining: ends what it does and begins nothing; silent: has its name and "
            "gives no sign; lost: it has ended without a word, and others do its work"
        ),
    ]
    started_at: datetime
    seen_at: Annotated[datetime, Field(description="When it gave its last sign")]
    drain: Annotated[
        WorkerDrainOut | None,
        Field(description="Somebody lets it begin nothing more, until it is started again"),
    ] = None
    running: list[WorkOut]
