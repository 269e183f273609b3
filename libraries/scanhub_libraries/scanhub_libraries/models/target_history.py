"""The history of targets: what was set, when, by whom."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from scanhub_libraries.models.fields import JSONObject, Text, WireModel


class TargetVersionOut(WireModel):
    """One version of a target: who made it, when, and why."""

    name: str
    version: int
    change: Literal["created", "updated", "reverted", "deleted"]
    author: str
    comment: str
    created_at: datetime
    document: Annotated[
        JSONObject,
        Field(description="Its settings then, with the names of its secrets, never a secret"),
    ]


class TargetRevert(WireModel):
    """Why an older version is taken up again."""

    comment: Text = ""
