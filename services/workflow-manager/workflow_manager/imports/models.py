"""The tables of imports and data sets."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import JSONDocument, UtcDateTime, text_enum
from scanhub_libraries.ids import new_id
from workflow_manager.database import Table
from workflow_manager.imports.rules import FileOutcome, ImportKind, ImportState


class ImageImport(Table, table=True):
    """Files that somebody brought, or told us to take."""

    __tablename__ = "image_import"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    kind: ImportKind = Field(sa_type=text_enum(ImportKind))
    state: ImportState = Field(sa_type=text_enum(ImportState), index=True)
    attempt: int = Field(default=1)
    reason: str = Field(default="", sa_type=sa.Text, description="Why it failed")
    forced_rule: str = Field(default="", max_length=200)
    folder: list[str] = Field(default_factory=list, sa_type=JSONDocument)
    uploaded: list[dict[str, Any]] = Field(
        default_factory=list, sa_type=JSONDocument, description="Files of an upload: file and name"
    )
    dataset_id: UUID | None = Field(default=None, description="Played back, or kept")
    files: int = Field(default=0)
    stored: int = Field(default=0)
    duplicates: int = Field(default=0)
    conflicts: int = Field(default=0)
    refused: int = Field(default=0)
    requested_by: str = Field(max_length=256)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ImportFile(Table, table=True):
    """What became of one file of an import."""

    __tablename__ = "image_import_file"

    import_id: UUID = Field(foreign_key="image_import.id", primary_key=True)
    number: int = Field(primary_key=True, description="Place in the order of the import, from 1")
    name: str = Field(max_length=1000, description="For people")
    outcome: FileOutcome = Field(sa_type=text_enum(FileOutcome))
    study_instance_uid: str = Field(default="", max_length=64)
    series_instance_uid: str = Field(default="", max_length=64)
    sop_instance_uid: str = Field(default="", max_length=64)
    detail: str = Field(default="", sa_type=sa.Text)


class Dataset(Table, table=True):
    """Files that are kept under a name, to be played back."""

    __tablename__ = "dataset"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    name: str = Field(max_length=200, unique=True)
    deleted: bool = Field(default=False, description="Its files go, and then this row")
    files: int = Field(default=0)
    size: int = Field(default=0, sa_type=sa.BigInteger, description="[byte]")
    ready: bool = Field(default=False)
    created_by: str = Field(max_length=256)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
