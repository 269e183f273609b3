"""The table of processes."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field

from device_manager.database import Table
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import UtcDateTime
from scanhub_libraries.ids import new_id


class Node(Table, table=True):
    """A process of device-manager. One that is not seen any more has died."""

    __tablename__ = "node"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    host: str = Field(max_length=255)
    url: str | None = Field(default=None, max_length=2000)
    """Where the other processes reach it; None: it is the only one."""
    started_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    seen_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
