"""Reviews: a person decides whether something goes on."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from scanhub_libraries.models.fields import WireModel


class ReviewOut(WireModel):
    """What every review tells: who may decide, until when, and what was decided."""

    state: Annotated[
        Literal["waiting", "approved", "rejected", "canceled"],
        Field(description="canceled: the run was stopped before anybody decided"),
    ]
    role: Annotated[str, Field(description="Who may decide; administrators may always")]
    due_at: Annotated[datetime | None, Field(description="Null: there is no deadline")]
    at_deadline: Literal["reject", "approve", "wait"]
    overdue: Annotated[bool, Field(description="The deadline is over, and it still waits")]
    decided_by: Annotated[str | None, Field(description="user:NAME; deadline: nobody did in time")]
    decided_at: datetime | None
    comment: str
