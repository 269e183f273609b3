"""The tables of retrievals."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import JSONDocument, UtcDateTime, text_enum
from scanhub_libraries.ids import new_id
from workflow_manager.database import Table
from workflow_manager.retrieval.rules import AccessionState, RetrievalState


class Retrieval(Table, table=True):
    """A list of accession numbers that somebody wants to have."""

    __tablename__ = "retrieval"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    source: str = Field(max_length=200, description="Name of a target")
    method: str = Field(default="auto", max_length=32)
    destination: str = Field(default="", max_length=200, description="Folder target; empty: here")
    filter: dict[str, Any] = Field(default_factory=dict, sa_type=JSONDocument)
    forced_rule: str = Field(default="", max_length=200)
    offpeak: bool = Field(default=False)
    state: RetrievalState = Field(
        default=RetrievalState.RUNNING, sa_type=text_enum(RetrievalState), index=True
    )
    requested_by: str = Field(max_length=256)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime, index=True)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class RetrievalAccession(Table, table=True):
    """One accession number of a retrieval, and how far it is."""

    __tablename__ = "retrieval_accession"
    __table_args__ = (sa.Index(None, "state", "retrieval_id", "number"),)

    retrieval_id: UUID = Field(foreign_key="retrieval.id", primary_key=True)
    number: int = Field(primary_key=True, description="Place in the list, from 1")
    accession_number: str = Field(max_length=64)
    state: AccessionState = Field(default=AccessionState.QUEUED, sa_type=text_enum(AccessionState))
    attempt: int = Field(default=1, description="The one that comes next or is under way")
    reason: str = Field(default="", sa_type=sa.Text, description="Why it failed")
    series: list[dict[str, Any]] = Field(
        default_factory=list, sa_type=JSONDocument, description="What is fetched, and how far it is"
    )
    retrieved: int = Field(default=0, description="Images that came")
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
