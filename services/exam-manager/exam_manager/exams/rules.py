"""What holds between a level of the tree and the one above it, and what a template may do."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any
from uuid import UUID

from scanhub_libraries.errors import BadRequestError, ConflictError, ForbiddenError
from scanhub_libraries.models import ItemStatus, Standing, TaskType


class Act(StrEnum):
    """What somebody wants to do with an exam, a template, or anything below it."""

    EDIT = "edit"
    """Change it; add, order or delete what is below it."""
    DELETE = "delete"
    COPY = "copy"
    """Make something new from it."""
    RELEASE = "release"
    REVISE = "revise"
    RETIRE = "retire"
    EXPORT = "export"
    CLAIM = "claim"
    """Work on its tasks: start, report, finish."""
    STORE_RESULT = "store a result"
    HAVE_PATIENT = "have a patient"


_MAY = frozenset[Act]
MAY: dict[Standing, _MAY] = {
    Standing.INSTANCE: _MAY({Act.EDIT, Act.DELETE, Act.CLAIM, Act.STORE_RESULT, Act.HAVE_PATIENT}),
    Standing.DRAFT: _MAY({Act.EDIT, Act.DELETE, Act.COPY, Act.RELEASE, Act.EXPORT}),
    Standing.RELEASED: _MAY({Act.COPY, Act.REVISE, Act.RETIRE, Act.EXPORT}),
    Standing.RETIRED: _MAY({Act.REVISE, Act.EXPORT}),
}
"""What may be done. Templates that hang in no exam are drafts."""

_INSTEAD = {
    (Standing.DRAFT, Act.REVISE): "It is a draft: edit it as it is.",
    (Standing.DRAFT, Act.RETIRE): "It is a draft that was never released: delete it.",
    (Standing.RELEASED, Act.EDIT): "This version is released and frozen: make a new version.",
    (Standing.RELEASED, Act.DELETE): "This version is released and stays readable: retire it.",
    (Standing.RELEASED, Act.RELEASE): "This version is released already: make a new version.",
    (Standing.RETIRED, Act.EDIT): "This version is retired and frozen: make a new version.",
    (Standing.RETIRED, Act.DELETE): "This version is retired and stays readable.",
    (Standing.RETIRED, Act.RELEASE): "This version is retired: make a new version of it.",
    (Standing.RETIRED, Act.COPY): "This version is retired: take a released one.",
    (Standing.RETIRED, Act.RETIRE): "This version is retired already.",
}


def standing(*, is_template: bool, released: bool, retired: bool) -> Standing:
    """Return what an exam, or what hangs below it, is as far as plans go."""
    if not is_template:
        return Standing.INSTANCE
    if retired:
        return Standing.RETIRED
    return Standing.RELEASED if released else Standing.DRAFT


def check_act(standing: Standing, act: Act) -> None:
    """Refuse what the table does not allow.

    Raises:
        ConflictError: With what to do instead.
    """
    if act in MAY[standing]:
        return
    instead = f"That is not done with a {standing} template: {act}."
    if standing is Standing.INSTANCE:
        instead = "It is the exam of a patient, not a template."
    raise ConflictError(
        _INSTEAD.get((standing, act), instead), standing=standing.value, act=act.value
    )


def template_may(act: Act, *, is_template: bool) -> bool:
    """Say whether something may be done for being a template, or for not being one."""
    return act in MAY[standing(is_template=is_template, released=False, retired=False)]


def check_new_status(status: ItemStatus) -> None:
    """Refuse to create anything that is not NEW.

    Raises:
        BadRequestError: Another status was given.
    """
    if status is not ItemStatus.NEW:
        raise BadRequestError("What is created has status NEW.", field="status")


def check_put_status(status: ItemStatus) -> None:
    """Refuse to make an exam or a workflow NEW again.

    Raises:
        ForbiddenError: NEW was given.
    """
    if status is ItemStatus.NEW:
        raise ForbiddenError("Nothing becomes NEW again: send another status.", field="status")


def check_patient(*, is_template: bool, patient_id: UUID | None) -> None:
    """Refuse an exam of nobody and a template of somebody.

    Raises:
        BadRequestError: With the reason.
    """
    may_have = template_may(Act.HAVE_PATIENT, is_template=is_template)
    if not may_have and patient_id is not None:
        raise BadRequestError("An exam template has no patient.", field="patient_id")
    if may_have and patient_id is None:
        raise BadRequestError("An exam needs a patient (patient_id).", field="patient_id")


def check_template_kept(*, stored: bool, given: bool) -> None:
    """Refuse to turn a template into an instance, or back, by an edit.

    Raises:
        BadRequestError: is_template differs.
    """
    if stored is not given:
        raise BadRequestError(
            "is_template cannot be changed: make a copy of the template.", field="is_template"
        )


def check_room(count: int, most: int, what: str) -> None:
    """Refuse one more than a tree may have: it is read and drawn as a whole.

    Raises:
        ConflictError: With the number that there may be.
    """
    if count >= most:
        raise ConflictError(f"There are {count} {what} already: at most {most} fit.", most=most)


def check_source(*, is_template: bool, what: str) -> None:
    """Refuse to copy from an instance.

    Raises:
        BadRequestError: The source is no template.
    """
    if not template_may(Act.COPY, is_template=is_template):
        raise BadRequestError(f"The {what} is not a template: only templates are copied.")


def check_parent(
    *, parent_is_template: bool | None, is_template: bool, what: str, parent: str
) -> None:
    """Refuse a child that does not fit its parent.

    Args:
        parent_is_template: None: there is no parent.
        is_template: Of the child.
        what: Name of the child's level.
        parent: Name of the parent's level.

    Raises:
        BadRequestError: An instance without parent, or a template below an instance.
    """
    if parent_is_template is None:
        if not is_template:
            raise BadRequestError(f"A {what} that is no template needs {parent}_id.")
    elif parent_is_template is not is_template:
        raise BadRequestError(
            f"A {what} and its {parent} are both templates or both not.", field="is_template"
        )


def copy_note(version: int | None, newest_released: int | None) -> str | None:
    """Return what to tell whoever makes an exam from a version that is not the newest released."""
    if version is None or newest_released is None or newest_released == version:
        return None
    if newest_released > version:
        return f"Made from version {version}; version {newest_released} is released since."
    return f"Made from version {version}, a draft; version {newest_released} is released."


def release_reasons(
    workflows: Sequence[Mapping[str, Any]], tasks: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Return why a version cannot be released; empty when it can.

    Args:
        workflows: Its workflows.
        tasks: The tasks of all of them.
    """
    reasons = [] if workflows else ["There is no workflow."]
    filled = {task["workflow_id"] for task in tasks}
    empty = [workflow for workflow in workflows if workflow["id"] not in filled]
    reasons += [f"Workflow {workflow['name']!r} has no task." for workflow in empty]
    known = {str(task["id"]) for task in tasks}
    for task in tasks:
        reasons += [f"Task {task['name']!r} {reason}." for reason in _lacks(task, known)]
    return reasons


def _lacks(task: Mapping[str, Any], known: set[str]) -> Iterable[str]:
    if task["task_type"] is TaskType.ACQUISITION:
        if not task["sequence_id"] and not task["calibration"]:
            yield "has neither a sequence nor a calibration"
    elif not task["dag_id"]:
        yield "names no job (dag_id)"
    if strange := sorted(set(task["input_task_ids"]) - known):
        yield f"reads {', '.join(strange)}, which is no task of this template"
    if str(task["id"]) in task["input_task_ids"]:
        yield "reads its own result"
