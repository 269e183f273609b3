"""Claims: how a device or a run takes a task, reports on it and ends it. All idempotent."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from exam_manager.patients import rules as patient_rules
from exam_manager.results import service as results
from exam_manager.results.models import Result
from exam_manager.tasks import repository, rules
from exam_manager.tasks.deviations import note_device
from exam_manager.tasks.holding import hold_trees
from exam_manager.tasks.models import Task
from exam_manager.tasks.repository import TaskBranch, TaskChain
from exam_manager.tasks.rules import Actor
from exam_manager.tasks.tree import (
    derive_statuses,
    emit_task,
    read_task,
    read_task_results,
    set_derived,
    task_out,
)
from scanhub_libraries.errors import InvalidTransactionError, ScanHubError, UnprocessableError
from scanhub_libraries.events import EventType
from scanhub_libraries.lake import Lake
from scanhub_libraries.models import (
    ClaimTask,
    FinishTask,
    ItemStatus,
    PatientOut,
    RefusedReport,
    ReleaseTask,
    ReportOfTask,
    TaskClaim,
    TaskOut,
    TaskReport,
    TaskType,
)
from scanhub_libraries.security.principal import Principal
from scanhub_libraries.security.tokens import TokenSigner

_ENDED_AS = {
    ItemStatus.ERROR: EventType.TASK_FAILED,
    ItemStatus.CANCELED: EventType.TASK_CANCELED,
    ItemStatus.UPDATED: EventType.TASK_RELEASED,
}


async def claim_task(
    session: AsyncSession, signer: TokenSigner, task_id: UUID, claim: ClaimTask, *, now: datetime
) -> TaskClaim:
    """Take a task for a device or a run. Of several at once, one gets it."""
    branch = await repository.lock_branch(session, task_id)
    if branch.task.claim_id == claim.claim_id:
        _check_repeated(branch.task, claim)
    else:
        _check_claimable(branch, claim)
        _take(session, branch, claim, now=now)
    return await _claim_out(session, signer, branch, claim)


def _check_repeated(task: Task, claim: ClaimTask) -> None:
    if claim.device_id != task.claim_device_id:
        raise InvalidTransactionError("This claim_id was used by another device.")
    rules.check_claim(task.claim_id, claim.claim_id, active=task.claim_active)


def _check_claimable(branch: TaskBranch, claim: ClaimTask) -> None:
    task, patient = branch.task, branch.patient
    acquisition = task.task_type is TaskType.ACQUISITION
    reasons = rules.claim_reasons(
        is_template=task.is_template,
        task_type=task.task_type,
        by_device=claim.device_id,
        planned_device=task.device_id,
        has_content=bool(task.sequence_id or task.calibration)
        if acquisition
        else bool(task.dag_id),
    )
    if acquisition:
        reasons += rules.plan_reasons(
            workflow_id=task.workflow_id,
            taken_to_be=claim.workflow_id,
            planned_device=task.device_id,
        )
    if acquisition and patient is not None:
        reasons += patient_rules.limit_reasons(patient.height, patient.weight)
    if reasons:
        raise UnprocessableError(" ".join(reasons), reasons=reasons)
    rules.check_transition(task.status, ItemStatus.STARTED, Actor.CLAIM)


def _take(session: AsyncSession, branch: TaskBranch, claim: ClaimTask, *, now: datetime) -> None:
    task, patient = branch.task, branch.patient
    if task.task_type is TaskType.ACQUISITION and patient is not None:
        task.acquisition_limits = patient_rules.acquisition_limits(
            height=patient.height,
            weight=patient.weight,
            sex=patient.sex,
            birth_date=patient.birth_date,
            today=now.date(),
            position=None if branch.exam is None else branch.exam.patient_position,
            pregnancy_status=patient.pregnancy_status,
            implants=patient.implants,
        ).model_dump(mode="json")
        if task.device_id is None:
            task.template_values = note_device(task.template_values)
        task.device_id = claim.device_id
    task.claim_id, task.claim_active, task.claimed_at = claim.claim_id, True, now
    task.claim_device_id = claim.device_id
    task.status, task.progress, task.status_reason = ItemStatus.STARTED, 0, None
    task.started_at, task.finished_at = now, None
    emit_task(session, EventType.TASK_STARTED, branch.chain)
    # One task at work settles the status above it: the others need not be read.
    for item in (branch.workflow, branch.exam):
        if item is not None and branch.exam is not None:
            set_derived(session, item, [task.status])


async def _claim_out(
    session: AsyncSession, signer: TokenSigner, branch: TaskBranch, claim: ClaimTask
) -> TaskClaim:
    task, exam, patient = branch.task, branch.exam, branch.patient
    if exam is None or patient is None:
        raise UnprocessableError("The task belongs to no exam of a patient.")
    if claim.device_id is not None:
        token = signer.task_token(task.id, claim.device_id, claim.claim_id)
    else:
        run_id = claim.run_id or claim.claim_id
        token = signer.job_token(task.id, run_id, claim.claim_id)
    results = await read_task_results(session, task.id) if branch.has_results else []
    return TaskClaim(
        claim_id=claim.claim_id,
        task=task_out(dict(task), results),
        task_token=token,
        exam_id=exam.id,
        exam_name=exam.name,
        study_instance_uid=exam.study_instance_uid or "",
        accession_number=exam.accession_number,
        patient=PatientOut.model_validate(patient),
        sequence_updated_at=branch.sequence_updated_at,
    )


async def report_task(
    session: AsyncSession, task_id: UUID, report: TaskReport, *, principal: Principal, now: datetime
) -> TaskOut:
    """Note how far a claimed task is, or that it failed."""
    rules.check_scope(principal, task_id)
    rules.check_token_claim(principal, report.claim_id)
    ends = report.status in _ENDED_AS
    chain = await repository.get_chain(session, task_id, lock=True)
    task = chain.task
    repeated = ends and not task.claim_active and task.status is report.status
    if not (repeated and task.claim_id == report.claim_id):
        rules.check_claim(task.claim_id, report.claim_id, active=task.claim_active)
        await _apply(session, chain, report, rules.actor_of(principal), now=now)
    return await read_task(session, task_id)


async def report_tasks(
    session: AsyncSession,
    reports: Sequence[ReportOfTask],
    *,
    principal: Principal,
    now: datetime,
) -> list[RefusedReport]:
    """Note how far many claimed tasks are, in one transaction; return what was refused.

    A refusal changes nothing of its task, and is no reason against the others.
    """
    await hold_trees(session, task_ids=[report.task_id for report in reports])
    actor, refused = rules.actor_of(principal), []
    for report in sorted(reports, key=lambda report: report.task_id):
        try:
            chain = await repository.get_chain(session, report.task_id, lock=True)
            task = chain.task
            rules.check_claim(task.claim_id, report.claim_id, active=task.claim_active)
            await _apply(session, chain, report, actor, now=now)
        except ScanHubError as error:
            refused.append(
                RefusedReport(task_id=report.task_id, claim_id=report.claim_id, detail=error.detail)
            )
    return refused


async def _apply(
    session: AsyncSession, chain: TaskChain, report: TaskReport, actor: Actor, *, now: datetime
) -> None:
    task = chain.task
    status = report.status or (
        ItemStatus.INPROGRESS if task.status is ItemStatus.STARTED else task.status
    )
    rules.check_transition(task.status, status, actor)
    progress = max(task.progress, report.progress or 0)
    if (status, progress) == (task.status, task.progress) and report.message is None:
        return
    task.progress = progress
    if status in _ENDED_AS:
        await _end(session, chain, status, report.message, now=now)
        return
    if report.message is not None or status is not task.status:
        task.status_reason = report.message
    task.status = status
    emit_task(session, EventType.TASK_PROGRESS, chain)
    await session.flush()


async def release_task(
    session: AsyncSession,
    task_id: UUID,
    release: ReleaseTask,
    *,
    principal: Principal,
    now: datetime,
) -> TaskOut:
    """Give a claimed task back with a reason."""
    rules.check_scope(principal, task_id)
    rules.check_token_claim(principal, release.claim_id)
    chain = await repository.get_chain(session, task_id, lock=True)
    task = chain.task
    repeated = not task.claim_active and task.claim_id == release.claim_id
    if not (repeated and task.status is release.status):
        rules.check_claim(task.claim_id, release.claim_id, active=task.claim_active)
        rules.check_transition(task.status, release.status, rules.actor_of(principal))
        await _end(session, chain, release.status, release.reason, now=now)
    return await read_task(session, task_id)


async def finish_task(
    session: AsyncSession,
    lake: Lake,
    task_id: UUID,
    finish: FinishTask,
    *,
    principal: Principal,
    now: datetime,
) -> TaskOut:
    """End a claimed task with its result: both, or neither."""
    rules.check_scope(principal, task_id)
    rules.check_token_claim(principal, finish.claim_id)
    chain = await repository.get_chain(session, task_id, lock=True)
    task = chain.task
    if not await _is_finished_by(session, task, finish):
        rules.check_claim(task.claim_id, finish.claim_id, active=task.claim_active)
        rules.check_transition(task.status, ItemStatus.FINISHED, rules.actor_of(principal))
        await results.store_result(session, task, finish.result_id, finish.result, lake, now=now)
        task.progress = 100
        await _end(session, chain, ItemStatus.FINISHED, None, now=now)
    return await read_task(session, task_id)


async def _is_finished_by(session: AsyncSession, task: Task, finish: FinishTask) -> bool:
    """Say whether this very finish was done before."""
    if task.claim_active or task.claim_id != finish.claim_id:
        return False
    if task.status is not ItemStatus.FINISHED:
        return False
    row = await session.get(Result, finish.result_id)
    return row is not None and row.task_id == task.id


async def put_status(
    session: AsyncSession,
    task_id: UUID,
    *,
    status: ItemStatus,
    progress: int,
    principal: Principal,
    now: datetime,
) -> TaskOut:
    """Take status and progress of a PUT by a device, a job or a service (ScanHub's set_task)."""
    rules.check_scope(principal, task_id)
    chain = await repository.get_chain(session, task_id, lock=True)
    task = chain.task
    claim_id = principal.claim_id or task.claim_id
    rules.check_claim(task.claim_id, claim_id, active=task.claim_active)
    actor = rules.actor_of(principal)
    if status in {ItemStatus.NEW, ItemStatus.UPDATED, ItemStatus.FINISHED}:
        rules.check_transition(task.status, status, actor)
        if status is ItemStatus.FINISHED:
            stored = await results.has_data(session, task_id, claim_id)
            rules.check_stored(stored=stored)
            task.progress = 100
        await _end(session, chain, status, None, now=now)
    else:
        asked = None if status in {task.status, ItemStatus.STARTED} else status
        report = TaskReport.model_validate(
            {"claim_id": claim_id, "status": asked, "progress": progress}
        )
        await _apply(session, chain, report, actor, now=now)
    return await read_task(session, task_id)


async def _end(
    session: AsyncSession,
    chain: TaskChain,
    status: ItemStatus,
    reason: str | None,
    *,
    now: datetime,
) -> None:
    task = chain.task
    task.status, task.status_reason = status, reason
    task.claim_active = False
    task.finished_at = None if status is ItemStatus.UPDATED else now
    emit_task(session, _ENDED_AS.get(status, EventType.TASK_FINISHED), chain)
    await derive_statuses(session, chain)
