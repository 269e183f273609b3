"""What holds between a level of the tree and the one above it."""

from uuid import UUID

from scanhub_libraries.errors import BadRequestError, ForbiddenError
from scanhub_libraries.models import ItemStatus


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


def status_after_edit(current: ItemStatus, asked: ItemStatus) -> ItemStatus:
    """Return the status after a person's edit: UPDATED marks a plan, it undoes no work."""
    working = {ItemStatus.STARTED, ItemStatus.INPROGRESS, ItemStatus.PAUSED, ItemStatus.FINISHED}
    return current if asked is ItemStatus.UPDATED and current in working else asked


def check_patient(*, is_template: bool, patient_id: UUID | None) -> None:
    """Refuse an exam of nobody and a template of somebody.

    Raises:
        BadRequestError: With the reason.
    """
    if is_template and patient_id is not None:
        raise BadRequestError("An exam template has no patient.", field="patient_id")
    if not is_template and patient_id is None:
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


def check_source(*, is_template: bool, what: str) -> None:
    """Refuse to copy from an instance.

    Raises:
        BadRequestError: The source is no template.
    """
    if not is_template:
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
