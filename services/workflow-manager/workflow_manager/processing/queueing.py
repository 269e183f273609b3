"""Runs of modules: queued with their case, tried again, stopped."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from scanhub_libraries.clock import utc_now
from scanhub_libraries.errors import ConflictError, NotFoundError, UnprocessableError
from scanhub_libraries.events import Event, EventType
from scanhub_libraries.models import RuleOptions
from workflow_manager.cases import repository as cases
from workflow_manager.cases.models import Case
from workflow_manager.cases.rules import CaseState, CaseTimes, Verdict
from workflow_manager.cases.service import move
from workflow_manager.dispatch.rules import Priority
from workflow_manager.engine.attempts import Attempts
from workflow_manager.modules.models import Module
from workflow_manager.processing import repository
from workflow_manager.processing.models import ProcessingRun, ProcessingStep
from workflow_manager.processing.rules import (
    DONE,
    ENDED_BADLY,
    OPEN,
    ReviewState,
    RunState,
    StepState,
)
from workflow_manager.processing.telling import event_of
from workflow_manager.routing_rules.models import StoredRule

ATTEMPTS = Attempts(kind="processing", queue="modules")
_NONE = "The rule names no processing module."
_GONE = "What the earlier steps made is not here any more: begin with the first step."


async def queue_run(
    session: AsyncSession,
    case: Case,
    times: CaseTimes,
    *,
    requested_by: str = "",
    after: ProcessingRun | None = None,
    first_step: int = 1,
) -> list[Event]:
    """Let the modules of the rule run for a case; the desk hears of the events.

    Args:
        session: The transaction; it holds the lock of the study.
        case: The case, locked.
        times: How long files of a discarded case are kept.
        requested_by: Who asks; empty: the rule.
        after: The run whose outputs it goes on with.
        first_step: The step that it begins with, from 1.
    """
    rule, series = (
        RuleOptions.model_validate(case.options),
        await cases.series_uids(session, case.id),
    )
    if not rule.processing_module:
        return move(case, Verdict(CaseState.FAILED, _NONE), series, times)
    run = ProcessingRun(
        case_id=case.id,
        number=1 + await repository.last_number(session, case.id),
        priority=Priority(rule.priority),
        requested_by=requested_by[:256],
        first_step=first_step,
    )
    if rule.processing_deadline_s is not None:
        run.deadline_at = run.created_at + timedelta(seconds=rule.processing_deadline_s)
    if after is not None and first_step > 1:
        run.continues, run.session_id = after.id, session_of(after)
    run.gpus = await _gpus_of(session, rule.processing_module[first_step - 1 :])
    run.reason = waits_for_slot(run)
    session.add(run)
    await session.flush()
    await _add_steps(session, run, rule, after)
    verdict = Verdict(CaseState.PROCESSING, run.reason)
    return [event_of(run, EventType.PROCESSING_QUEUED), *move(case, verdict, series, times)]


def session_of(run: ProcessingRun) -> UUID:
    """Return the id of the session of a run: of the run that began it."""
    return run.session_id or run.id


def waits_for_slot(run: ProcessingRun) -> str:
    """Say what a run that is queued waits for."""
    if run.priority is Priority.OFFPEAK:
        return "Waits for off-peak hours."
    return "Waits for a module slot" + (", and a graphics processor." if run.gpus else ".")


async def _gpus_of(session: AsyncSession, names: Sequence[str]) -> int:
    """Return the most graphics processors that one of some modules asks for."""
    query = select(Module).where(col(Module.name).in_(names))
    wanted = [row.document.get("gpus", 0) for row in (await session.scalars(query)).all()]
    return max(wanted, default=0)


async def _add_steps(
    session: AsyncSession, run: ProcessingRun, rule: RuleOptions, after: ProcessingRun | None
) -> None:
    earlier: dict[int, ProcessingStep] = {}
    if after is not None:
        steps = await repository.list_steps(session, [after.id])
        earlier = {step.position: step for step in steps[after.id]}
    for position, module in enumerate(rule.processing_module, 1):
        step = ProcessingStep(run_id=run.id, position=position, module=module)
        if position < run.first_step:
            kept = {"module_version", "settings", "output", "exit_code", "job"}
            for name, value in earlier[position].model_dump(include=kept).items():
                setattr(step, name, value)
            skipped = earlier[position].state is StepState.SKIPPED
            step.state = StepState.SKIPPED if skipped else StepState.REUSED
            step.reason = earlier[position].reason if skipped else "An earlier run did it."
        session.add(step)
    await session.flush()


async def last_run(session: AsyncSession, case_id: UUID) -> ProcessingRun:
    """Return the newest run of a case, locked.

    Raises:
        NotFoundError: It has none.
    """
    runs = await repository.list_runs(session, case_id=case_id, limit=1)
    if not runs:
        raise NotFoundError("No module ran for this case.")
    return await get_run(session, runs[0].id, lock=True)


async def get_run(session: AsyncSession, run_id: UUID, *, lock: bool = False) -> ProcessingRun:
    """Return a run; `lock` to change it."""
    run = await session.get(ProcessingRun, run_id, with_for_update=lock, populate_existing=lock)
    if run is None:
        raise NotFoundError(f"There is no processing {run_id}.")
    return run


async def has_failed(session: AsyncSession, case: Case) -> bool:
    """Say whether a case failed because its modules did."""
    runs = await repository.list_runs(session, case_id=case.id, limit=1)
    return case.state is CaseState.FAILED and bool(runs) and runs[0].state in ENDED_BADLY


async def retry(
    session: AsyncSession,
    case: Case,
    times: CaseTimes,
    *,
    anew: bool,
    actor: str,
    step: int | None = None,
) -> list[Event]:
    """Let the modules of a case run once more.

    Args:
        session: The transaction; it holds the lock of the study.
        case: The case, locked.
        times: How long files of a discarded case are kept.
        anew: From the first step, by the rule as it is by now; else from the step that failed.
        actor: Who asks.
        step: From this one instead, from 1, of the run as it was.

    Raises:
        ConflictError: It has not failed, or what the earlier steps made is gone.
        UnprocessableError: A step before the one that is asked for was not done.
    """
    if not await has_failed(session, case):
        raise ConflictError(f"The case is {case.state.value}: its modules have not failed.")
    last = await last_run(session, case.id)
    if anew:
        await _read_rule_again(session, case)
        return await queue_run(session, case, times, requested_by=actor)
    first = await _first_step(session, last, step)
    if first == 1:
        return await queue_run(session, case, times, requested_by=actor)
    source = last
    while first <= source.first_step and source.continues is not None:
        source = await get_run(session, source.continues)
    if source.removed_at is not None:
        raise ConflictError(_GONE)
    return await queue_run(session, case, times, requested_by=actor, after=source, first_step=first)


async def _first_step(session: AsyncSession, last: ProcessingRun, step: int | None) -> int:
    """Return the step to begin with: the one that is asked for, else the first undone one.

    What was rejected begins with the first: of all modules nothing is there any more, at a gate it
    is there for who asks for a later one.
    """
    undone = await _first_undone(session, last)
    if step is not None and step > undone:
        raise UnprocessableError(
            f"Step {undone} has not been done: begin with it, or with an earlier one.",
            field="step",
        )
    if last.state is RunState.REJECTED:
        if step is not None and step > 1 and await _all_done(session, last, undone):
            raise ConflictError(_GONE)
        return step or 1
    return undone if step is None else step


def prioritize(run: ProcessingRun, case: Case, priority: Priority) -> list[Event]:
    """Give a run that has not begun another place in its queue; the desk hears of the events.

    Raises:
        ConflictError: It has begun, or ended.
    """
    if run.state is not RunState.QUEUED:
        raise ConflictError(
            f"The run is {run.state.value}: only one that has not begun has a priority."
        )
    if run.priority is priority:
        return []
    run.priority = priority
    run.reason = case.reason = waits_for_slot(run)
    return [event_of(run, EventType.PROCESSING_PRIORITY)]


async def _first_undone(session: AsyncSession, run: ProcessingRun) -> int:
    steps = (await repository.list_steps(session, [run.id]))[run.id]
    undone = (step.position for step in steps if step.state not in DONE)
    return next(undone, len(steps) + 1)


async def _all_done(session: AsyncSession, run: ProcessingRun, undone: int) -> bool:
    return undone > len((await repository.list_steps(session, [run.id]))[run.id])


async def _read_rule_again(session: AsyncSession, case: Case) -> None:
    """Take the rule as it is by now; one that was deleted since stays as it was."""
    row = await session.get(StoredRule, case.rule)
    if row is not None:
        case.options, case.rule_version = row.document, row.version
        rule = RuleOptions.model_validate(row.document)
        case.targets, case.priority, case.action = rule.target, rule.priority, rule.action.value


async def cancel(
    session: AsyncSession, case: Case, times: CaseTimes, *, actor: str
) -> tuple[UUID, list[Event]]:
    """Stop the run of a case: at once if it waits, else as soon as its module is killed.

    Raises:
        ConflictError: None runs.
    """
    if case.state is not CaseState.PROCESSING:
        raise ConflictError(f"The case is {case.state.value}: no module runs for it.")
    run = await last_run(session, case.id)
    if run.state not in OPEN:
        raise ConflictError("The run has just ended.")
    run.cancel_requested_by = actor[:256]
    if run.state is RunState.RUNNING:
        return run.id, []
    return run.id, await end_badly(
        session, run, case, times, state=RunState.CANCELED, reason=stopped_by(run)
    )


def is_overdue(run: ProcessingRun) -> bool:
    """Say whether the deadline of a run is over."""
    return run.deadline_at is not None and run.deadline_at <= utc_now()


def stopped_by(run: ProcessingRun) -> str:
    """Say who stopped a run."""
    return f"Processing was stopped by {run.cancel_requested_by}."


async def end_badly(
    session: AsyncSession,
    run: ProcessingRun,
    case: Case,
    times: CaseTimes,
    *,
    state: RunState,
    reason: str,
) -> list[Event]:
    """End a run and its case with a reason; what there is stays, and it can be tried again."""
    if run.state not in OPEN:
        return []
    run.state, run.reason, run.ended_at = state, reason, utc_now()
    canceled = state is RunState.CANCELED
    review = await repository.waiting_review(session, run.id)
    if review is not None:
        review.state = ReviewState.CANCELED
    for step in (await repository.list_steps(session, [run.id]))[run.id]:
        if step.state is StepState.RUNNING:
            step.state = StepState.CANCELED if canceled else StepState.FAILED
            step.reason, step.ended_at = step.reason or reason, run.ended_at
        elif step.state is StepState.WAITING:
            step.state, step.reason = StepState.CANCELED, f"It did not begin. {reason}"
    told = EventType.PROCESSING_CANCELED if canceled else EventType.PROCESSING_FAILED
    series = await cases.series_uids(session, case.id)
    return [event_of(run, told), *move(case, Verdict(CaseState.FAILED, reason), series, times)]
