"""Query/retrieve: studies that are fetched from another system by their accession numbers."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from scanhub_libraries.models.fields import Name, ShortText, WireModel, WithoutNul

RetrievalStateName = Literal["running", "paused", "done", "failed", "canceled"]
AccessionStateName = Literal["queued", "running", "done", "failed", "canceled"]
RetrievalMethod = Literal["auto", "c-get", "c-move", "wado-rs"]
_Pattern = Annotated[str, StringConstraints(min_length=1, max_length=200), WithoutNul]
_Patterns = Annotated[list[_Pattern], Field(max_length=50)]
_Modality = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9_ ]{1,16}$")]


class SeriesFilter(WireModel):
    """Which series of a study are fetched; what is left out allows everything.

    In descriptions `*` stands for any characters and `?` for one; case does not matter.
    """

    modalities: Annotated[list[_Modality], Field(max_length=20)] = []
    study_descriptions: _Patterns = []
    series_descriptions: _Patterns = []
    study_date_from: Annotated[date | None, Field(description="This day or later")] = None
    study_date_to: Annotated[date | None, Field(description="This day or earlier")] = None

    @model_validator(mode="after")
    def _check_dates(self) -> "SeriesFilter":
        first, last = self.study_date_from, self.study_date_to
        if first is not None and last is not None and last < first:
            raise ValueError("study_date_to is before study_date_from")
        return self


class RetrievalQuery(WireModel):
    """Which studies, and where they are."""

    source: Annotated[Name, Field(description="Target of type dicom, dicomtls or dicomweb")]
    accession_numbers: Annotated[list[ShortText], Field(max_length=10_000)] = []
    accession_text: Annotated[
        str,
        StringConstraints(max_length=1_000_000),
        WithoutNul,
        Field(
            description="Text or CSV with more of them: one a line, or separated by commas, "
            "semicolons or tabs. If the first line names columns, the one that begins with "
            "`accession` counts"
        ),
    ] = ""
    filter: SeriesFilter = SeriesFilter()


class RetrievalIn(RetrievalQuery):
    """Studies that shall be fetched, one by one, each by its accession number."""

    method: Annotated[
        RetrievalMethod,
        Field(
            description="auto: C-GET, and C-MOVE where the source has none; WADO-RS from a "
            "DICOMweb server"
        ),
    ] = "auto"
    destination: Annotated[
        ShortText, Field(description="Target of type folder; empty: they are received here")
    ] = ""
    forced_rule: Annotated[
        ShortText, Field(description="Rule that decides alone of what is fetched; empty: all rules")
    ] = ""
    offpeak: Annotated[bool, Field(description="Fetch in off-peak hours only")] = False


class RetrievalOut(WireModel):
    """How far a retrieval is."""

    id: UUID
    source: str
    method: RetrievalMethod
    destination: str
    filter: SeriesFilter
    forced_rule: str
    offpeak: bool
    state: RetrievalStateName
    waits_for: Annotated[str | None, Field(description="What it waits for, in words")] = None
    total: Annotated[int, Field(description="Accession numbers")]
    queued: int
    running: int
    done: int
    failed: int
    canceled: int
    instances: Annotated[int, Field(description="Images that came")]
    requested_by: str
    created_at: datetime
    ended_at: datetime | None = None


class FetchedSeries(WireModel):
    """A series of a study that is fetched."""

    study_instance_uid: str
    series_instance_uid: str
    modality: str = ""
    series_description: str = ""
    study_date: str = ""
    study_description: str = ""
    instances: Annotated[
        int | None, Field(description="Images that the source says it has; none: it says nothing")
    ] = None
    retrieved: Annotated[int, Field(description="Images that came")] = 0
    done: bool = False
    error: str | None = None


class AccessionOut(WireModel):
    """What became of one accession number."""

    number: Annotated[int, Field(description="Place in the list, from 1")]
    accession_number: str
    state: AccessionStateName
    attempt: int
    reason: Annotated[str, Field(description="Why it failed; empty: it has not")]
    series: list[FetchedSeries]
    retrieved: Annotated[int, Field(description="Images that came")]
    started_at: datetime | None = None
    ended_at: datetime | None = None


class AccessionPage(WireModel):
    """Accession numbers of a retrieval, in their order."""

    items: list[AccessionOut]
    next: Annotated[int | None, Field(description="Give it as `after` for the next page")] = None


class FoundAccession(WireModel):
    """What a source has for an accession number."""

    accession_number: str
    series: list[FetchedSeries]
    error: Annotated[str | None, Field(description="Why it could not be asked")] = None
