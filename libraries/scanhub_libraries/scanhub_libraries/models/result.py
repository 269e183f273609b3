"""Results: the files that a task left in the lake."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from scanhub_libraries.models.enums import ResultType
from scanhub_libraries.models.fields import JSONObject, ShortText, WireModel, WithoutNul

FileName = Annotated[str, StringConstraints(min_length=1, max_length=255), WithoutNul]


class SetResult(WireModel):
    """What the platform writes into a result once its files are stored."""

    type: ResultType
    directory: ShortText
    files: Annotated[list[FileName], Field(max_length=100_000)] = []
    meta: JSONObject | None = None


class ResultOut(SetResult):
    """A result as stored. `directory` is relative to the root of the lake."""

    id: UUID
    task_id: UUID
    datetime_created: datetime
    datetime_updated: datetime | None = None
    version: Annotated[int, Field(description="Goes up with each change; the ETag")] = 1


class XnatUpload(WireModel):
    """What was sent to an XNAT server."""

    files: list[str]
    project: Annotated[str, Field(description="XNAT project")]
    location: Annotated[str, Field(description="Where XNAT put it, in its words")]
