"""Backups that are made by request."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from scanhub_libraries.models.fields import WireModel


class BackupOut(WireModel):
    """A backup that is whole."""

    name: Annotated[str, Field(description="What `scanhub restore --name` takes")]
    version: Annotated[str, Field(description="Of the software that made it")]
    begun_at: datetime
    taken_at: Annotated[datetime, Field(description="The moment that it shows")]
    ended_at: datetime
    files: int
    bytes: Annotated[int, Field(description="Of all files of the lake [byte]")]
    new_files: Annotated[int, Field(description="That no earlier backup had")]
    new_bytes: Annotated[int, Field(description="Of these [byte]")]
    missing_files: Annotated[
        int, Field(description="That the databases name and the lake does not have")
    ]


class BackupWorkOut(WireModel):
    """How a backup by request goes, or how the last one of this server went."""

    state: Literal["idle", "running", "made", "failed"]
    step: Annotated[str, Field(description="What is being done, in words")] = ""
    detail: Annotated[str, Field(description="Why it failed")] = ""
    started_by: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None


class BackupsOut(WireModel):
    """The backups of an installation, and whether one is being made."""

    enabled: Annotated[bool, Field(description="Backups can be made by request")]
    detail: Annotated[str, Field(description="What to do where they cannot")] = ""
    folder: Annotated[str, Field(description="Where they are; empty: nowhere")] = ""
    work: BackupWorkOut
    backups: Annotated[list[BackupOut], Field(description="The newest first")] = []
