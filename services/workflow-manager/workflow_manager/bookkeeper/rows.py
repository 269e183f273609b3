"""Rows as mercure's tools read them."""

from datetime import datetime
from typing import Any

from scanhub_libraries.models.fields import WireModel
from workflow_manager.bookkeeper.models import (
    MercureOutput,
    MercureSeries,
    MercureTask,
    MercureTaskEvent,
)
from workflow_manager.bookkeeper.rules import INFORMATION


class SeriesRow(WireModel):
    """A series, under both of mercure's names for its columns."""

    id: int
    time: datetime
    series_uid: str
    tag_seriesdescription: str
    tag_modality: str
    description: str
    modality: str


class TaskRow(WireModel):
    """A task without a parent."""

    id: str
    time: datetime
    series_uid: str
    tag_seriesdescription: str | None
    tag_modality: str | None


class TestRow(WireModel):
    """A self-test."""

    __test__ = False  # no test of pytest's

    id: str
    type: str
    rule_type: str
    time_begin: datetime
    time_end: datetime | None
    status: str
    task_id: str | None


class TaskEventRow(WireModel):
    """Something that happened to a task."""

    id: int
    task_id: str
    time: datetime
    local_time: str
    sender: str
    event: str
    file_count: int
    target: str
    info: str
    client_timestamp: float | None


class FileRow(WireModel):
    """A file that was received."""

    id: int
    time: datetime
    filename: str
    file_uid: str
    series_uid: str


class LogRow(WireModel):
    """What a module wrote."""

    id: int
    task_id: str
    module_name: str
    time: datetime
    logs: str


class OutputRow(WireModel):
    """What a module answered."""

    id: int
    time: datetime
    task_id: str
    task_acc: str
    task_mrn: str
    module: str
    index: int
    settings: Any
    output: Any


class ArchiveRow(WireModel):
    """A row of mercure's archive page."""

    task_id: str
    ACC: str
    MRN: str
    Scope: str
    Time: str
    Rule: str


class ArchivePage(WireModel):
    """A page of the archive, as DataTables asks for it."""

    draw: int
    recordsTotal: int  # noqa: N815 - DataTables' name
    recordsFiltered: int  # noqa: N815 - DataTables' name
    data: list[ArchiveRow]


def _local(time: datetime) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S")


def series_row(series: MercureSeries) -> SeriesRow:
    """Return a series as mercure lists it."""
    return SeriesRow.model_validate(
        {
            **series.model_dump(include={"id", "time", "series_uid", "modality"}),
            "tag_seriesdescription": series.series_description,
            "tag_modality": series.modality,
            "description": series.series_description,
        }
    )


def task_row(task: MercureTask, series: MercureSeries | None) -> TaskRow:
    """Return a task as mercure lists it."""
    return TaskRow(
        id=task.id,
        time=task.time,
        series_uid=task.series_uid,
        tag_seriesdescription=series.series_description if series else None,
        tag_modality=series.modality if series else None,
    )


def event_row(event: MercureTaskEvent) -> TaskEventRow:
    """Return an event of a task as mercure lists it."""
    return TaskEventRow.model_validate({**event.model_dump(), "local_time": _local(event.time)})


def output_row(output: MercureOutput) -> OutputRow:
    """Return what a module answered."""
    return OutputRow.model_validate({**output.model_dump(), "index": output.number})


def archive_row(task: MercureTask, acc: str, mrn: str) -> ArchiveRow:
    """Return a row of the archive page."""
    scope = "STUDY" if task.uid_type == "study" else "SERIES"
    return ArchiveRow(
        task_id=task.id, ACC=acc, MRN=mrn, Scope=scope, Time=_local(task.time), Rule=task.rule
    )


def information_of(series: MercureSeries) -> dict[str, str]:
    """Return what mercure tells of the patient and the scan of a task."""
    return {member: series.tags.get(keyword, "") for member, keyword in INFORMATION.items()}
