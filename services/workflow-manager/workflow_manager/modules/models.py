"""The tables of modules."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import JSONDocument, UtcDateTime, text_enum
from scanhub_libraries.ids import new_id
from workflow_manager.database import Table


class Module(Table, table=True):
    """A processing module as it is configured."""

    __tablename__ = "module"

    name: str = Field(primary_key=True, max_length=100)
    document: dict[str, Any] = Field(sa_type=JSONDocument, description="Settings, no variables")
    sealed: dict[str, Any] = Field(
        default_factory=dict, sa_type=JSONDocument, description="Variables, each value encrypted"
    )
    version: int = 1
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    updated_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ModuleChange(StrEnum):
    """How a version of a module came about."""

    CREATED = "created"
    UPDATED = "updated"
    REVERTED = "reverted"
    DELETED = "deleted"


class ModuleVersion(Table, table=True):
    """One version of a module; never changed, and kept when the module is deleted."""

    __tablename__ = "module_version"
    __table_args__ = (sa.UniqueConstraint("name", "version"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    name: str = Field(max_length=100)
    version: int
    change: ModuleChange = Field(sa_type=text_enum(ModuleChange))
    document: dict[str, Any] = Field(
        sa_type=JSONDocument, description="Settings, and the names of the variables; never a value"
    )
    author: str = Field(max_length=256)
    comment: str = Field(default="", sa_type=sa.Text)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
