"""Imports: images that come as files instead of over an association, and data sets of them."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from scanhub_libraries.models.fields import ShortText, WireModel, WithoutNul

ImportKindName = Literal["upload", "folder", "dataset"]
ImportStateName = Literal["receiving", "running", "done", "failed", "canceled"]
FileOutcomeName = Literal["stored", "duplicate", "conflict", "quarantined", "refused"]
_FolderName = Annotated[str, StringConstraints(min_length=1, max_length=255), WithoutNul]
_ForcedRule = Annotated[
    ShortText, Field(description="Rule that decides alone of what comes; empty: all rules")
]


class FolderImportIn(WireModel):
    """A folder whose images shall be imported."""

    folder: Annotated[
        list[_FolderName],
        Field(max_length=32, description="Names from the root for imports down; none: all of it"),
    ] = []
    forced_rule: _ForcedRule = ""


class DatasetReplayIn(WireModel):
    """How a data set is played back."""

    forced_rule: _ForcedRule = ""


class ImportFolders(WireModel):
    """Folders that can be imported."""

    folder: Annotated[list[str], Field(description="Names from the root for imports down")]
    folders: Annotated[list[str], Field(description="Names of the folders in it, 1,000 at most")]
    files: Annotated[int, Field(description="Files in it, without those of its folders")]


class ImportOut(WireModel):
    """How far an import is, and what became of its files."""

    id: UUID
    kind: ImportKindName
    state: ImportStateName
    reason: Annotated[str, Field(description="Why it failed; empty: it has not")]
    forced_rule: str
    folder: Annotated[list[str], Field(description="Where it is imported from")]
    dataset_id: Annotated[
        UUID | None, Field(description="The data set that is played back, or kept")
    ] = None
    files: Annotated[int, Field(description="Files that were looked at, in archives too")]
    stored: int
    duplicates: Annotated[int, Field(description="They are here already, with the same content")]
    conflicts: Annotated[int, Field(description="Another object has their UID; kept aside")]
    refused: Annotated[int, Field(description="They are no images that can be read")]
    requested_by: str
    created_at: datetime
    ended_at: datetime | None = None


class ImportFileOut(WireModel):
    """What became of one file."""

    number: int
    name: str
    outcome: FileOutcomeName
    sop_instance_uid: str
    series_instance_uid: str
    detail: str


class ImportFilePage(WireModel):
    """Files of an import, in their order."""

    items: list[ImportFileOut]
    next: Annotated[int | None, Field(description="Give it as `after` for the next page")] = None


class DatasetOut(WireModel):
    """Files that were kept under a name, to be played back."""

    id: UUID
    name: str
    files: int
    size: Annotated[int, Field(description="[byte]")]
    ready: Annotated[bool, Field(description="All its files are there")]
    created_by: str
    created_at: datetime
