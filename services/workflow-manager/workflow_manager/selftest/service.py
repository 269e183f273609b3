"""Self-tests: begun, noted, ended, and what is taken away afterwards."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import reading, transaction
from scanhub_libraries.errors import ConflictError, NotFoundError
from scanhub_libraries.events import EventType
from scanhub_libraries.models import RuleAction, RuleOptions
from scanhub_libraries.models.module import ModuleSettings
from scanhub_libraries.models.selftest import SelfTestIn, SelfTestStep
from scanhub_libraries.models.target import FolderTarget
from workflow_manager.cases.models import Case, CaseDispatch, CaseSeries
from workflow_manager.cleaner import repository as cleaner
from workflow_manager.cleaner.service import remove_files
from workflow_manager.dicom.models import DicomSeries, DicomStudy
from workflow_manager.dispatch.models import Dispatch
from workflow_manager.dispatch.rules import ENDED, DispatchStatus
from workflow_manager.dispatch.service import stop_sending
from workflow_manager.journal.service import append, own_event
from workflow_manager.modules.models import Module
from workflow_manager.modules.process import BUILT_IN
from workflow_manager.processing.by_hand import cancel
from workflow_manager.processing.folders import drop_all
from workflow_manager.processing.models import ProcessingRun, ProcessingStep
from workflow_manager.processing.rules import OPEN as PROCESSING
from workflow_manager.routing_rules.models import SeriesDecision, TemporaryRule
from workflow_manager.selftest.images import PATIENT, new_uid
from workflow_manager.selftest.models import SelfTest
from workflow_manager.selftest.rules import (
    SERIES_DESCRIPTION,
    SelfTestKind,
    SelfTestMode,
    SelfTestState,
)
from workflow_manager.targets.models import Target
from workflow_manager.wiring import Wiring

_STOP_LOOKS, _LOOK_S = 300, 0.1
_KEPT = 100
"""Self-tests that are remembered."""
LOST_AFTER = timedelta(minutes=10)
"""A self-test takes a minute; one that has not ended by then has lost its service."""


async def get_selftest(session: AsyncSession, selftest_id: UUID) -> SelfTest:
    """Return a self-test."""
    found = await session.get(SelfTest, selftest_id)
    if found is None:
        raise NotFoundError(f"There is no self-test {selftest_id}.")
    return found


async def list_selftests(session: AsyncSession, limit: int) -> Sequence[SelfTest]:
    """Return self-tests, newest first."""
    query = select(SelfTest).order_by(col(SelfTest.id).desc()).limit(limit)
    return (await session.scalars(query)).all()


async def list_running(session: AsyncSession) -> Sequence[SelfTest]:
    """Return self-tests that have not ended."""
    query = select(SelfTest).where(SelfTest.state == SelfTestState.RUNNING)
    return (await session.scalars(query)).all()


async def begin(session: AsyncSession, wanted: SelfTestIn, *, actor: str) -> SelfTest:
    """Begin a self-test; the old ones are forgotten.

    Raises:
        ConflictError: One is under way.
    """
    running = await list_running(session)
    if any(test.started_at > utc_now() - LOST_AFTER for test in running):
        raise ConflictError("A self-test is under way: wait until it has ended.")
    kept = select(SelfTest.id).order_by(col(SelfTest.id).desc()).limit(_KEPT - 1)
    old = sa.delete(SelfTest).where(
        col(SelfTest.id).not_in(kept), col(SelfTest.state) != SelfTestState.RUNNING
    )
    await session.execute(old)
    test = SelfTest(
        kind=SelfTestKind(wanted.kind),
        mode=SelfTestMode(wanted.mode),
        study_instance_uid=new_uid(),
        started_by=actor[:256],
    )
    session.add(test)
    await session.flush()
    return test


async def prepare(wiring: Wiring, test: SelfTest, series: Sequence[str]) -> None:
    """Make the rule and the target of a test, and the series that they are for.

    The rule is none of the installation's: only a series that names it is held against it, and
    such a series against no other rule. So nothing real meets the test, and it meets no real
    target. The series is in the index before its first image, for there it names the rule.
    """
    folder = folder_of(wiring, test) / "arrived"
    target = FolderTarget(
        target_type="folder", name=test.name, folder=str(folder), direction="pull"
    )
    rule = _rule_of(test, len(series))
    async with transaction(wiring.sessions) as session:
        session.add(TemporaryRule(name=test.name, document=rule.model_dump(mode="json")))
        document = target.model_dump(mode="json", exclude={"name", "target_type", "enabled"})
        session.add(Target(name=test.name, target_type="folder", document=document))
        if rule.processing_module:
            session.add(_module_of(test))
        study = DicomStudy(
            study_instance_uid=test.study_instance_uid, patient_id=PATIENT, patient_name=PATIENT
        )
        session.add(study)
        await session.flush()
        for uid in series:
            row = DicomSeries(
                study_instance_uid=test.study_instance_uid,
                series_instance_uid=uid,
                modality="MR",
                series_description=f"{SERIES_DESCRIPTION} {series.index(uid) + 1}",
                patient_id=PATIENT,
                patient_name=PATIENT,
                source=PATIENT,
                forced_rule=test.name,
            )
            session.add(row)


def _rule_of(test: SelfTest, series: int) -> RuleOptions:
    processes = test.mode is SelfTestMode.PROCESS
    return RuleOptions(
        rule="True",
        target=[test.name],
        action=RuleAction.BOTH if processes else RuleAction.ROUTE,
        processing_module=[test.name] if processes else [],
        action_trigger=test.kind.value,
        study_trigger_condition="received_series",
        study_trigger_series=" and ".join(
            f"'{SERIES_DESCRIPTION} {place}'" for place in range(1, series + 1)
        ),
        priority="urgent",
    )


def _module_of(test: SelfTest) -> Module:
    settings = ModuleSettings(
        name=test.name, runner="process", entry_point=f"{BUILT_IN}add_one.py", comment="Self-test"
    )
    return Module(name=test.name, document=settings.model_dump(mode="json", exclude={"name"}))


def folder_of(wiring: Wiring, test: SelfTest) -> Path:
    """Return where the files of a test lie."""
    return wiring.lake.root / "selftests" / test.id.hex


async def note(wiring: Wiring, test: SelfTest, step: SelfTestStep) -> None:
    """Write down how a step ended."""
    async with transaction(wiring.sessions) as session:
        row = await session.get_one(SelfTest, test.id, with_for_update=True)
        row.steps = [*row.steps, step.model_dump(mode="json")]
        data = {"step": step.name, "ok": step.ok}
        event_type = EventType.SELFTEST_PROGRESS
        await append(session, [own_event(event_type, test.id, data, actor=row.started_by)])


async def end(wiring: Wiring, selftest_id: UUID, *, lost: bool = False) -> None:
    """Say how a test ended: it passed if each of its steps did, and nobody broke it off."""
    async with transaction(wiring.sessions) as session:
        row = await session.get_one(SelfTest, selftest_id, with_for_update=True)
        passed = not lost and bool(row.steps) and all(step["ok"] for step in row.steps)
        row.state = SelfTestState.PASSED if passed else SelfTestState.FAILED
        row.ended_at = utc_now()
        event_type = EventType.SELFTEST_PASSED if passed else EventType.SELFTEST_FAILED
        bad = next((step for step in row.steps if not step["ok"]), None)
        data = {
            "kind": row.kind.value,
            "mode": row.mode.value,
            "step": bad and bad["name"],
            "detail": bad and bad["detail"],
            "seconds": round((row.ended_at - row.started_at).total_seconds(), 3),
        }
        await session.flush()
        await append(session, [own_event(event_type, selftest_id, data, actor=row.started_by)])


async def take_away(wiring: Wiring, test: SelfTest) -> None:
    """Take everything away that a test made, but the journal; doing it again is harmless."""
    await stop_processing(wiring, test)
    ids = await _stop_sending(wiring, test)
    async with transaction(wiring.sessions) as session:
        for series_id in ids:
            await cleaner.take_out(session, series_id)
            await session.execute(
                sa.update(DicomSeries)
                .where(col(DicomSeries.id) == series_id)
                .values(number_of_series_related_instances=0)
            )
    await remove_files(wiring.sessions, wiring.lake)
    cases = _cases_of(test)
    runs = select(ProcessingRun.id).where(col(ProcessingRun.case_id).in_(cases))
    async with transaction(wiring.sessions) as session:
        for table, condition in (
            (ProcessingStep, col(ProcessingStep.run_id).in_(runs)),
            (ProcessingRun, col(ProcessingRun.case_id).in_(cases)),
            (CaseDispatch, col(CaseDispatch.case_id).in_(cases)),
            (CaseSeries, col(CaseSeries.case_id).in_(cases)),
            (Case, col(Case.study_instance_uid) == test.study_instance_uid),
            (Dispatch, col(Dispatch.series_id).in_(ids)),
            (SeriesDecision, col(SeriesDecision.series_id).in_(ids)),
            (DicomSeries, col(DicomSeries.study_instance_uid) == test.study_instance_uid),
            (DicomStudy, col(DicomStudy.study_instance_uid) == test.study_instance_uid),
            (TemporaryRule, col(TemporaryRule.name) == test.name),
            (Target, col(Target.name) == test.name),
            (Module, col(Module.name) == test.name),
        ):
            await session.execute(sa.delete(table).where(condition))


def _cases_of(test: SelfTest) -> Any:
    return select(Case.id).where(col(Case.study_instance_uid) == test.study_instance_uid)


async def runs_of(wiring: Wiring, test: SelfTest) -> Sequence[ProcessingRun]:
    """Return the runs of the module of a test."""
    query = select(ProcessingRun).where(col(ProcessingRun.case_id).in_(_cases_of(test)))
    async with reading(wiring.sessions) as session:
        return (await session.scalars(query)).all()


async def stop_processing(wiring: Wiring, test: SelfTest) -> None:
    """Let no module run for a test any more, and take away the files of those that did."""
    for run in await runs_of(wiring, test):
        if run.state in PROCESSING:
            async with transaction(wiring.sessions) as session:
                with suppress(ConflictError):  # it has just ended
                    await cancel(session, wiring, run.case_id, actor=PATIENT)
        for _ in range(_STOP_LOOKS):
            if not any(row.state in PROCESSING for row in await runs_of(wiring, test)):
                break
            await asyncio.sleep(_LOOK_S)
        await asyncio.to_thread(drop_all, wiring.lake.root, run.id)


async def _stop_sending(wiring: Wiring, test: SelfTest) -> Sequence[UUID]:
    """Let nothing of a test be sent any more; return its series."""
    async with transaction(wiring.sessions) as session:
        of_test = col(DicomSeries.study_instance_uid) == test.study_instance_uid
        ids = (await session.scalars(select(DicomSeries.id).where(of_test))).all()
        query = select(Dispatch).where(col(Dispatch.series_id).in_(ids)).with_for_update()
        for dispatch in await session.scalars(query):
            if dispatch.status not in ENDED:
                dispatch.status = DispatchStatus.CANCELED
                stop_sending(wiring, dispatch.id)
    return ids
