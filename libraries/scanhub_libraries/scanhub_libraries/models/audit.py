"""Audit trail: who changed what, when and from where."""

from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, Field

from scanhub_libraries.models.fields import WireModel


class AuditEntryOut(WireModel):
    """One change of state."""

    id: UUID = Field(description="Sorts by time")
    time: AwareDatetime
    actor: str | None = Field(
        description="Who: `user:`, `service:`, `task:` or `job:` and a name or id",
        examples=["user:ada"],
    )
    address: str | None = Field(
        description="Where the request came from, as far as the server knows", examples=["10.1.2.3"]
    )
    correlation_id: str | None = Field(description="Of the request; in the log as well")
    action: str = Field(
        description="The type of the event, or what happened to a record that no event tells of",
        examples=["task.updated"],
    )
    subject_type: str = Field(examples=["task"])
    subject_id: str
    exam_id: UUID | None = Field(description="The exam that it belongs to")
    patient_id: UUID | None = Field(description="The patient that it belongs to")
    changes: dict[str, Any] = Field(
        description="Field: [before, after]. A long value is told by its size, its SHA-256 and its "
        "beginning; of a copy, `workflows` and `tasks` say how many were made",
        examples=[{"status": ["NEW", "STARTED"]}],
    )
