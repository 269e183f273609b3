"""Requests for storage commitment that other nodes made."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import JSONDocument, UtcDateTime, text_enum
from scanhub_libraries.ids import new_id
from workflow_manager.commitments.rules import CommitmentState
from workflow_manager.database import Table


class CommitmentRequest(Table, table=True):
    """A node asked which of its instances we keep; it is told once it can be reached."""

    __tablename__ = "commitment_request"
    __table_args__ = (sa.UniqueConstraint("peer_aet", "transaction_uid"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    peer_aet: str = Field(max_length=16, description="Who asked")
    own_aet: str = Field(max_length=16, description="Whom it called")
    address: str = Field(max_length=255, description="Host that the request came from")
    transaction_uid: str = Field(max_length=64)
    instances: list[list[str]] = Field(
        sa_type=JSONDocument, description="SOP class and SOP Instance UID of each instance"
    )
    kept: int | None = Field(default=None, description="Instances that we said we keep")
    failed: dict[str, Any] = Field(
        default_factory=dict,
        sa_type=JSONDocument,
        description="Instances that we said we do not keep, each with its Failure Reason",
    )
    state: CommitmentState = Field(
        default=CommitmentState.WAITING, sa_type=text_enum(CommitmentState), index=True
    )
    attempt: int = Field(default=1, description="The attempt to report that comes next")
    next_attempt_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str | None = Field(default=None, sa_type=sa.Text)
    received_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
