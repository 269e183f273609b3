"""What came and is not in the archive as it is."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from scanhub_libraries.models.fields import WireModel


class RecoveredOut(WireModel):
    """Where an image is that was kept aside before."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str


class KeptAsideOut(WireModel):
    """Something that was kept aside, or that somebody should look at."""

    id: UUID
    kind: Annotated[
        Literal["quarantine", "conflict", "other-patient"],
        Field(
            description="Bytes that cannot be read; a second object under a UID that is taken; an "
            "image that names another patient than its study, and is with that study"
        ),
    ]
    study_instance_uid: Annotated[str, Field(description="Empty: not known")]
    series_instance_uid: str
    sop_instance_uid: str
    source: Annotated[str, Field(description="Who sent it first")]
    sender_address: str
    detail: Annotated[str, Field(description="Why it was kept aside")]
    times: Annotated[int, Field(description="How often it came")]
    received_at: datetime
    last_received_at: datetime
