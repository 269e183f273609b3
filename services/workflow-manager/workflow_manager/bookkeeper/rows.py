"""Rows as mercure's tools read them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from scanhub_libraries.models.fields import WireModel
from workflow_manager.bookkeeper.merging import number_of
from workflow_manager.bookkeeper.models import (
    MercureOutput,
    MercureSeries,
    MercureTask,
    MercureTaskEvent,
)
from workflow_manager.bookkeeper.rules import INFORMATION, TEST_STATES
from workflow_manager.cases.models import Case
from workflow_manager.dicom.models import DicomInstance, DicomSeries
from workflow_manager.selftest.models import SelfTest


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


def local_time(time: datetime) -> str:
    """Return a time as mercure shows it: of this server, which runs in UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S")


def series_row(series: MercureSeries) -> SeriesRow:
    """Return a series that was reported as mercure lists it."""
    return _series_row(
        series.series_description,
        series.modality,
        id=series.id or 0,
        time=series.time,
        series_uid=series.series_uid,
    )


def own_series_row(series: DicomSeries) -> SeriesRow:
    """Return a series that was received as mercure lists it."""
    return _series_row(
        series.series_description,
        series.modality,
        id=number_of(series.id),
        time=series.received_at,
        series_uid=series.series_instance_uid,
    )


def _series_row(description: str, modality: str, **more: Any) -> SeriesRow:
    both = {"tag_seriesdescription": description, "tag_modality": modality}
    return SeriesRow(**both, description=description, modality=modality, **more)


def own_task_row(case: Case, series: DicomSeries | None) -> TaskRow:
    """Return a case as mercure lists its tasks."""
    return TaskRow(
        id=str(case.id),
        time=case.opened_at,
        series_uid=series.series_instance_uid if series else "",
        tag_seriesdescription=series.series_description if series else None,
        tag_modality=series.modality if series else None,
    )


def own_test_row(test: SelfTest) -> TestRow:
    """Return a self-test as mercure lists it."""
    return TestRow(
        id=str(test.id),
        type=test.mode.value,
        rule_type=test.kind.value,
        time_begin=test.started_at,
        time_end=test.ended_at,
        status=TEST_STATES[test.state.value],
        task_id=None,
    )


def own_file_row(number: int, image: DicomInstance, series_uid: str) -> FileRow:
    """Return an image that was received as mercure lists its files."""
    return FileRow(
        id=number,
        time=image.received_at,
        filename=image.key,
        file_uid=image.sop_instance_uid,
        series_uid=series_uid,
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
    return TaskEventRow.model_validate({**event.model_dump(), "local_time": local_time(event.time)})


def output_row(output: MercureOutput) -> OutputRow:
    """Return what a module answered."""
    return OutputRow.model_validate({**output.model_dump(), "index": output.number})


def archive_row(found: Any) -> ArchiveRow:
    """Return a row of the archive page; ids of cases come as the database writes them."""
    return ArchiveRow(
        task_id=str(UUID(found.id)) if found.own else found.id,
        ACC=found.acc,
        MRN=found.mrn,
        Scope="STUDY" if found.uid_type == "study" else "SERIES",
        Time=local_time(found.time),
        Rule=found.rule,
    )


def information_of(tags: Mapping[str, str]) -> dict[str, str]:
    """Return what mercure tells of the patient and the scan of a task."""
    return {member: tags.get(keyword, "") for member, keyword in INFORMATION.items()}
