"""Which status may follow which, who may ask for it, and what a claim demands."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum
from uuid import UUID

from exam_manager.exams.rules import Act, template_may
from scanhub_libraries.errors import (
    BadRequestError,
    ConflictError,
    ForbiddenError,
    InvalidTransactionError,
    TransitionNotAllowedError,
)
from scanhub_libraries.models import ItemStatus, TaskType
from scanhub_libraries.security.principal import Principal, PrincipalKind

S = ItemStatus


class Actor(StrEnum):
    """Who asks for a status."""

    USER = "user"
    """A person who edits the task."""
    CLAIM = "claim"
    """Whoever takes the task for a device or a run."""
    DEVICE = "device"
    JOB = "job"
    SERVICE = "service"


ACTIVE = frozenset({S.STARTED, S.INPROGRESS, S.PAUSED})
"""A device or a run is at it."""
DONE_BY_PLATFORM = ACTIVE | {S.FINISHED}
"""An edit does not undo these."""
_CLOSED = frozenset({S.FINISHED, S.CANCELED})

_TO = frozenset[ItemStatus]
_DEVICE: dict[ItemStatus, _TO] = {
    S.STARTED: _TO({S.INPROGRESS, S.PAUSED, S.FINISHED, S.ERROR, S.CANCELED, S.UPDATED}),
    S.INPROGRESS: _TO({S.INPROGRESS, S.PAUSED, S.FINISHED, S.ERROR, S.CANCELED, S.UPDATED}),
    S.PAUSED: _TO({S.INPROGRESS, S.PAUSED, S.FINISHED, S.ERROR, S.CANCELED, S.UPDATED}),
}
_JOB: dict[ItemStatus, _TO] = {
    S.STARTED: _TO({S.INPROGRESS, S.FINISHED, S.ERROR, S.CANCELED, S.UPDATED}),
    S.INPROGRESS: _TO({S.INPROGRESS, S.FINISHED, S.ERROR, S.CANCELED, S.UPDATED}),
}
TRANSITIONS: dict[Actor, dict[ItemStatus, _TO]] = {
    Actor.USER: {
        S.NEW: _TO({S.NEW, S.UPDATED, S.CANCELED}),
        S.UPDATED: _TO({S.UPDATED, S.CANCELED}),
        S.ERROR: _TO({S.ERROR, S.UPDATED, S.CANCELED}),
        S.CANCELED: _TO({S.CANCELED, S.UPDATED}),
        S.STARTED: _TO({S.STARTED}),
        S.INPROGRESS: _TO({S.INPROGRESS}),
        S.PAUSED: _TO({S.PAUSED}),
        S.FINISHED: _TO({S.FINISHED}),
    },
    Actor.CLAIM: {
        status: _TO({S.STARTED}) for status in (S.NEW, S.UPDATED, S.FINISHED, S.ERROR, S.CANCELED)
    },
    Actor.DEVICE: _DEVICE,
    Actor.JOB: _JOB,
    Actor.SERVICE: _DEVICE,
}


def allowed(current: ItemStatus, actor: Actor) -> _TO:
    """Return what may follow `current` when `actor` asks."""
    return TRANSITIONS[actor].get(current, _TO())


def check_transition(current: ItemStatus, to: ItemStatus, actor: Actor) -> None:
    """Refuse a status that may not follow.

    Raises:
        TransitionNotAllowedError: With what is allowed.
    """
    may = allowed(current, actor)
    if to not in may:
        raise TransitionNotAllowedError(
            f"The task is {current}; a {actor} cannot make it {to}."
            if actor is not Actor.CLAIM
            else f"The task is {current}: it is being worked on; stop it first.",
            state=current.value,
            allowed=sorted(status.value for status in may),
        )


def status_after_edit(current: ItemStatus, asked: ItemStatus) -> ItemStatus:
    """Return the status after a person's edit.

    ScanHub's UI sends UPDATED with every edit: that marks a plan, and never undoes what runs or is
    finished.

    Raises:
        TransitionNotAllowedError: A person cannot set this status.
    """
    if asked is S.UPDATED and current in DONE_BY_PLATFORM:
        return current
    check_transition(current, asked, Actor.USER)
    return asked


def actor_of(principal: Principal) -> Actor:
    """Return as whom a principal reports."""
    kinds = {PrincipalKind.TASK: Actor.DEVICE, PrincipalKind.JOB: Actor.JOB}
    return kinds.get(principal.kind, Actor.SERVICE)


def check_scope(principal: Principal, task_id: UUID) -> None:
    """Refuse a task or job token of another task.

    Raises:
        ForbiddenError: The token speaks for another task.
    """
    narrow = principal.kind in {PrincipalKind.TASK, PrincipalKind.JOB}
    if narrow and principal.task_id != task_id:
        raise ForbiddenError("This token speaks for another task.")


def check_token_claim(principal: Principal, claim_id: UUID) -> None:
    """Refuse a task or job token of another claim.

    Raises:
        InvalidTransactionError: The token was made for another claim.
    """
    narrow = principal.kind in {PrincipalKind.TASK, PrincipalKind.JOB}
    if narrow and principal.claim_id != claim_id:
        raise InvalidTransactionError("This token was made for another claim of the task.")


def check_claim(held_by: UUID | None, claim_id: UUID | None, *, active: bool) -> None:
    """Refuse whoever does not hold the task.

    Raises:
        InvalidTransactionError: Another claim holds the task, or none does.
    """
    if not active:
        raise InvalidTransactionError("The claim has ended: nobody holds the task now.")
    if claim_id != held_by:
        raise InvalidTransactionError("Another claim holds the task.")


def check_stored(*, stored: bool) -> None:
    """Refuse to finish a task whose data is not safe yet.

    Raises:
        ConflictError: The claim stored no result with files.
    """
    if not stored:
        raise ConflictError("Nothing is stored yet: a task is finished with its result.")


def claim_reasons(
    *,
    is_template: bool,
    task_type: TaskType,
    by_device: UUID | None,
    planned_device: UUID | None,
    has_content: bool,
) -> list[str]:
    """Return why a task cannot be claimed; empty when it can.

    Args:
        is_template: Templates are copied, not run.
        task_type: What kind of task it is.
        by_device: The device that claims; None for a run.
        planned_device: The device that the plan names.
        has_content: An acquisition has a sequence or a calibration; a job has an id.
    """
    reasons = []
    if not template_may(Act.CLAIM, is_template=is_template):
        reasons.append("The task is a template: make an exam from it first.")
    if task_type is TaskType.ACQUISITION:
        if by_device is None:
            reasons.append("An acquisition is claimed by a device (device_id), not by a run.")
        elif planned_device is not None and planned_device != by_device:
            reasons.append("The task is planned on another device.")
        if not has_content:
            reasons.append("The task has neither a sequence nor a calibration.")
    else:
        if by_device is not None:
            reasons.append("A job is claimed by a run (run_id), not by a device.")
        if not has_content:
            reasons.append("The task names no job (dag_id).")
    return reasons


def plan_reasons(
    *, workflow_id: UUID | None, taken_to_be: UUID | None, planned_device: UUID | None
) -> list[str]:
    """Return why a claimant who says what it knows of the plan is wrong about it.

    Args:
        workflow_id: The workflow of the task.
        taken_to_be: The workflow that the claimant names; None if it says nothing.
        planned_device: The device that the plan names.
    """
    reasons = []
    if taken_to_be is not None and workflow_id != taken_to_be:
        reasons.append("The task belongs to another workflow.")
    if taken_to_be is not None and planned_device is None:
        reasons.append("The task has no device: choose one.")
    return reasons


def check_inputs(inputs: Sequence[UUID], task_id: UUID, tree: Iterable[UUID]) -> None:
    """Refuse inputs that are not tasks of the same tree.

    Raises:
        BadRequestError: Naming the task that cannot be read.
    """
    if task_id in inputs:
        raise BadRequestError(
            "The task cannot read its own result.", field="input_task_ids", task_id=str(task_id)
        )
    unknown = sorted({str(item) for item in inputs} - {str(item) for item in tree})
    if unknown:
        raise BadRequestError(
            f"input_task_ids names {', '.join(unknown)}: no task of the same exam or workflow.",
            field="input_task_ids",
            unknown=unknown,
        )


def check_acyclic(inputs: Mapping[UUID, Sequence[UUID]], task_id: UUID) -> None:
    """Refuse inputs that lead back to the task.

    Raises:
        BadRequestError: The tasks would wait for one another forever.
    """
    seen: set[UUID] = set()
    waiting = list(inputs.get(task_id, ()))
    while waiting:
        item = waiting.pop()
        if item == task_id:
            raise BadRequestError(
                "input_task_ids leads back to the task itself: they would wait for one another.",
                field="input_task_ids",
            )
        if item not in seen:
            seen.add(item)
            waiting.extend(inputs.get(item, ()))


def remap_inputs(
    inputs: Sequence[str], new_ids: Mapping[UUID, UUID], also: Iterable[UUID] = ()
) -> list[str]:
    """Return the inputs of a copied task: its siblings' copies.

    Args:
        inputs: The inputs of the task that is copied.
        new_ids: Template id to new id, over the whole copied tree.
        also: Tasks of the place that the copy goes to, which may be read as they are.

    Raises:
        BadRequestError: An input lies outside, named.
    """
    keep = set(also)
    remapped = []
    for item in map(UUID, inputs):
        new = new_ids.get(item, item if item in keep else None)
        if new is None:
            raise BadRequestError(
                f"A task to be copied reads task {item}, which is not copied with it: copy the "
                "workflow or exam that has both.",
                field="input_task_ids",
                task_id=str(item),
            )
        remapped.append(str(new))
    return remapped


def check_not_read(readers: Sequence[UUID], what: str) -> None:
    """Refuse to delete what other tasks read.

    Raises:
        ConflictError: With the list of readers.
    """
    if readers:
        raise ConflictError(
            f"Other tasks read the result of {what}: change their input first.",
            tasks=[str(reader) for reader in readers],
        )


def check_reads_inside(tree: Mapping[UUID, Sequence[UUID]], own: Collection[UUID]) -> None:
    """Refuse to move tasks away from what they read.

    Args:
        tree: Inputs of every task of the exam.
        own: The tasks that move.

    Raises:
        ConflictError: With the list of tasks that are read and stay.
    """
    left_behind = sorted({str(item) for task in own for item in tree[task] if item not in own})
    if left_behind:
        raise ConflictError(
            "Its tasks read the results of tasks that stay: change their input first.",
            tasks=left_behind,
        )


def check_not_claimed(claimed: Sequence[UUID], act: str) -> None:
    """Refuse to change what a device or a run is at.

    Raises:
        ConflictError: With the list of tasks.
    """
    if claimed:
        raise ConflictError(
            f"A device or a run is working on it: stop it before you {act}.",
            tasks=[str(task_id) for task_id in claimed],
        )


def status_of_edited(
    current: ItemStatus, asked: ItemStatus, tasks: Sequence[ItemStatus]
) -> ItemStatus:
    """Return the status of a workflow or an exam after a person's edit.

    A client sends the status that it has read, which may be that of a minute ago: it undoes no work
    that was done or begun in between. UPDATED marks a plan. A person may close what nobody is at.

    Args:
        current: The status before.
        asked: What the person sent.
        tasks: The statuses of the tasks below.
    """
    if any(status in ACTIVE for status in tasks):
        return S.INPROGRESS
    if asked is S.UPDATED and current in DONE_BY_PLATFORM:
        return current
    worked = any(status in {S.FINISHED, S.ERROR} for status in tasks)
    return derive_status(current, tasks) if worked and asked not in _CLOSED else asked


def derive_status(current: ItemStatus, tasks: Sequence[ItemStatus]) -> ItemStatus:
    """Return the status of a workflow or an exam after one of its tasks changed."""
    if not tasks:  # what was at work or failed is gone; what a person closed stays so
        return S.UPDATED if current in ACTIVE | {S.ERROR} else current
    if any(status in ACTIVE for status in tasks):
        return S.INPROGRESS
    finished = tasks.count(S.FINISHED)
    if finished and all(status in {S.FINISHED, S.CANCELED} for status in tasks):
        return S.FINISHED
    if S.ERROR in tasks:
        return S.ERROR
    if finished:
        return S.INPROGRESS
    return current if current in {S.NEW, S.UPDATED, S.CANCELED} else S.UPDATED
