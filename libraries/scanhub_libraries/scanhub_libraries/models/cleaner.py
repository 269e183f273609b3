"""What the cleaner would remove, and which studies must stay."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from scanhub_libraries.models.fields import ShortText, WireModel, WithoutNul


class HoldIn(WireModel):
    """Why a study must stay."""

    reason: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=2000),
        WithoutNul,
        Field(description="For people; it does not go into the journal"),
    ]


class HoldOut(WireModel):
    """A study of which nothing is removed."""

    study_instance_uid: str
    reason: str
    held_by: str
    held_at: datetime


class RemovalIn(WireModel):
    """What to remove, and why (PS3.16 CID 7010 has the first three reasons)."""

    reason: Annotated[
        Literal["quality", "patient_safety", "wrong_worklist_entry", "test_data", "on_request"],
        Field(description="Goes into the journal"),
    ]
    series_instance_uids: Annotated[
        list[ShortText],
        Field(max_length=1000, description="Empty: every series of the study that has images"),
    ] = []


class RemovalOut(WireModel):
    """What was removed."""

    study_instance_uid: str
    series_instance_uids: list[str] = []
    instances: int = 0
    size_bytes: Annotated[int, Field(description="[byte]")] = 0


class Retention(WireModel):
    """How long images and files stay; none: for ever."""

    sent_days: Annotated[
        float | None, Field(description="Images that are at a target too [day]")
    ] = None
    unsent_days: Annotated[
        float | None, Field(description="Images that may be nowhere else [day]")
    ] = None
    discarded_days: Annotated[
        float | None, Field(description="Images that were discarded [day]")
    ] = None
    quarantine_days: Annotated[
        float | None, Field(description="Files that could not be read [day]")
    ] = None
    conflicts_days: Annotated[
        float | None,
        Field(description="Objects under a SOP Instance UID that another one has [day]"),
    ] = None
    offpeak_only: Annotated[
        bool, Field(description="What is old is removed in off-peak hours only")
    ] = False
    above_percent: Annotated[
        float | None,
        Field(description="With more of the disk used, what may go is removed early [%]"),
    ] = None


class CleanerOut(WireModel):
    """How long things stay, and whether the disk asks for more."""

    retention: Retention
    free_bytes: Annotated[int, Field(description="Of the disk with the images [byte]")]
    total_bytes: Annotated[int, Field(description="Its size [byte]")]
    over_bytes: Annotated[
        int, Field(description="What has to go until the disk is as empty as it shall be [byte]")
    ]


class RemovableSeries(WireModel):
    """A series whose images would be removed."""

    study_instance_uid: str
    series_instance_uid: str
    fate: Annotated[
        Literal["sent", "unsent", "discarded"],
        Field(description="sent: each image is at a target too; unsent: one may be nowhere else"),
    ]
    instances: int
    size_bytes: Annotated[int, Field(description="[byte]")]
    last_received_at: datetime


class RemovableFiles(WireModel):
    """Files that are not in the index, and would be removed."""

    kind: Literal["quarantine", "conflicts"]
    files: int
    size_bytes: Annotated[int, Field(description="[byte]")]


class CleaningPreview(WireModel):
    """What would be removed, the oldest first; nothing is."""

    as_of: datetime
    emergency: Annotated[
        bool, Field(description="By what frees the disk, and not by what is too old")
    ]
    series: list[RemovableSeries]
    instances: Annotated[int, Field(description="Of the series that are listed")]
    size_bytes: Annotated[int, Field(description="Of the series that are listed [byte]")]
    more: Annotated[bool, Field(description="There are more series than are listed")]
    files: list[RemovableFiles]
