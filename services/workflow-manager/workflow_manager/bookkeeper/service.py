"""Takes reports of mercure's programs; each is one transaction, and an event where it is news."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.clock import utc_now
from scanhub_libraries.events import EventType
from workflow_manager.bookkeeper import forms
from workflow_manager.bookkeeper.models import (
    MercureEvent,
    MercureFile,
    MercureLog,
    MercureOutput,
    MercureSeries,
    MercureTask,
    MercureTaskEvent,
    MercureTest,
)
from workflow_manager.bookkeeper.rules import in_utc, text_of, without_secrets
from workflow_manager.inserting import insert_new
from workflow_manager.journal.service import append, own_event

_LONGEST = 1024


async def _tell(session: AsyncSession, subject: str, sender: str, name: str, **data: Any) -> None:
    """Write to the journal that something was reported; its text may name a patient and stays."""
    report = {"name": name, "sender": sender, **data}
    event = own_event(EventType.MERCURE_REPORTED, subject, report, actor=f"mercure:{sender}"[:256])
    await append(session, [event])


async def add_event(session: AsyncSession, report: forms.MercureEventIn) -> None:
    """Take an event of one of mercure's services."""
    session.add(MercureEvent(**report.model_dump()))
    await _tell(session, "mercure", report.sender, report.event, severity=report.severity)


async def add_webgui_event(session: AsyncSession, report: forms.WebguiEventIn) -> None:
    """Take an event of mercure's web pages."""
    session.add(MercureEvent(**report.model_dump(), severity=None))
    await _tell(session, "mercure", report.sender, report.event, user=report.user)


async def add_file(session: AsyncSession, report: forms.RegisterDicomIn) -> None:
    """Take that a file was received."""
    session.add(MercureFile(**report.model_dump()))


async def add_series(session: AsyncSession, report: forms.RegisterSeriesIn) -> None:
    """Take that a series was received; the first report of it stays."""
    tags = report.tags
    row = MercureSeries(
        series_uid=report.series_instance_uid,
        study_uid=report.study_instance_uid,
        patient_name=tags["PatientName"],
        patient_id=tags["PatientID"],
        accession_number=tags["AccessionNumber"],
        modality=tags["Modality"][:64],
        series_description=tags["SeriesDescription"],
        tags=tags,
    )
    await insert_new(session, row, "series_uid")


async def add_task(session: AsyncSession, report: forms.RegisterTaskIn) -> None:
    """Take that there is a task, also when something else was told of it before."""
    task = await _task(session, report.id)
    task.series_uid = report.series_uid or task.series_uid
    task.parent_id = report.parent_id or task.parent_id


async def _task(session: AsyncSession, task_id: str) -> MercureTask:
    """Return the row of a task; reports come in any order, and two at the same moment."""
    await insert_new(session, MercureTask(id=task_id), "id")
    return await session.get_one(MercureTask, task_id, with_for_update=True, populate_existing=True)


async def update_task(session: AsyncSession, report: forms.UpdateTaskIn) -> None:
    """Take what a task is like now: all of it, or the header of one of its images."""
    document = report.document
    task = await _task(session, report.id)
    if set(document) == {"id", "tags"} and isinstance(document["tags"], dict):
        task.tags = document["tags"]
        return
    info, study = document.get("info"), document.get("study")
    info = info if isinstance(info, dict) else {}
    study = study if isinstance(study, dict) else {}
    task.data = without_secrets(document)
    task.uid_type = text_of(info, "uid_type", 16)
    task.patient_name = text_of(info, "patient_name", _LONGEST)
    task.patient_id = text_of(info, "mrn", _LONGEST)
    task.accession_number = text_of(info, "acc", _LONGEST)
    task.rule = text_of(info, "applied_rule", _LONGEST) or text_of(
        info, "triggered_rules", _LONGEST
    )
    uid = text_of(info, "uid", 64)
    if task.uid_type == "study":
        task.study_uid = text_of(study, "study_uid", 64) or uid
    else:
        task.series_uid = uid or task.series_uid
    task.parent_id = text_of(document, "parent_id", 64) or task.parent_id


async def add_task_event(session: AsyncSession, report: forms.TaskEventIn) -> None:
    """Take that something happened to a task."""
    values = report.model_dump(exclude={"timestamp", "time"})
    time = in_utc(report.time, utc_now())
    session.add(MercureTaskEvent(**values, time=time, client_timestamp=report.timestamp))
    await _tell(
        session,
        report.task_id,
        report.sender,
        report.event,
        mercure_task_id=report.task_id,
        file_count=report.file_count,
        target=report.target,
    )


async def add_logs(session: AsyncSession, report: forms.ProcessorLogsIn) -> None:
    """Take what a module wrote."""
    values = report.model_dump(exclude={"sender", "time"})
    session.add(MercureLog(**values, time=in_utc(report.time, utc_now())))


async def add_output(session: AsyncSession, report: forms.ProcessorOutputIn) -> None:
    """Take what a module answered."""
    values = report.model_dump(exclude={"index", "settings"})
    session.add(
        MercureOutput(**values, number=report.index, settings=without_secrets(report.settings))
    )


async def begin_test(session: AsyncSession, report: forms.TestBeginIn) -> None:
    """Take that a self-test began; beginning again begins anew."""
    await insert_new(session, MercureTest(id=report.id), "id")
    test = await session.get_one(MercureTest, report.id, with_for_update=True)
    test.sqlmodel_update(report.model_dump())
    test.time_begin, test.time_end, test.status = utc_now(), None, "begin"


async def end_test(session: AsyncSession, report: forms.TestEndIn) -> None:
    """Take how a self-test ended, also when its beginning was lost."""
    await insert_new(session, MercureTest(id=report.id), "id")
    test = await session.get_one(MercureTest, report.id, with_for_update=True)
    test.status, test.time_end = report.status[:64], utc_now()
