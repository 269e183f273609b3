"""The table of uploads over HTTP: what has come, so that it can go on."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from device_manager.database import Table
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import JSONDocument, UtcDateTime
from scanhub_libraries.ids import new_id


class Upload(Table, table=True):
    """A file of an acquisition on its way in. Its bytes are in the `.part` file of the lake."""

    __tablename__ = "upload"
    # A file that is announced again is the same upload: it goes on where it stopped.
    __table_args__ = (sa.UniqueConstraint("acquisition_id", "filename"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    acquisition_id: UUID = Field(index=True)
    device_id: UUID = Field(index=True)
    filename: str = Field(max_length=255)
    content_type: str | None = Field(default=None, max_length=200)
    size_bytes: int = Field(sa_type=sa.BigInteger)
    sha256: str | None = Field(default=None, max_length=64)
    checksum_follows: bool = False
    """The device says its sum behind the last byte: without it the file is not whole."""
    device_parameter: dict[str, Any] | None = Field(default=None, sa_type=JSONDocument)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    touched_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    """When bytes came last; one that is not touched for long is removed."""
    stored_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    problem: str | None = Field(default=None, max_length=4000)

    @property
    def awaits_checksum(self) -> bool:
        """Say whether the sum of the file is still to come."""
        return self.checksum_follows and self.sha256 is None
