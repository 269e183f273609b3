"""What becomes of MRI sequences: the tasks that use them, and how two of them differ."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from scanhub_libraries.models.enums import ItemStatus
from scanhub_libraries.models.fields import WireModel


class SequenceUse(WireModel):
    """A task that uses a sequence."""

    task_id: UUID
    task_name: str
    status: ItemStatus
    is_template: bool
    workflow_id: UUID | None = None
    exam_id: UUID | None = None
    exam_name: str | None = None
    datetime_created: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    sequence_id: str
    lineage_version: Annotated[int, Field(description="Which version of the sequence it uses")]


class SequenceReference(WireModel):
    """Which sequence is meant."""

    id: str
    name: str
    lineage_id: str
    lineage_version: int
    sha256: str


class FactDifference(WireModel):
    """One fact of two sequences, side by side."""

    field: Annotated[str, Field(description="Name; what lies inside is joined with dots")]
    left: Annotated[Any, Field(description="null where the left one does not have it")] = None
    right: Annotated[Any, Field(description="null where the right one does not have it")] = None
    differs: bool
    relative_difference: Annotated[
        float | None,
        Field(description="Numbers only: |left - right| / max(|left|, |right|), 0 to 2"),
    ] = None


class SequenceDiff(WireModel):
    """The facts of two sequences, side by side."""

    left: SequenceReference
    right: SequenceReference
    same_content: Annotated[bool, Field(description="The files are the same, byte by byte")]
    facts: list[FactDifference]
    definitions: list[FactDifference]
