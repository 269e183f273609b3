"""Deep copies: the rows of a template tree become rows of a new tree, in few statements."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from exam_manager.tasks.rules import remap_inputs
from scanhub_libraries.ids import new_id
from scanhub_libraries.models import ItemStatus

Row = dict[str, Any]
_COPIED_TASK = (
    "name",
    "description",
    "task_type",
    "destination",
    "position",
    "device_id",
    "sequence_id",
    "acquisition_parameter",
    "calibration",
    "dag_type",
    "dag_id",
    "input_task_ids",
    "parameter",
)
_COPIED_WORKFLOW = ("name", "description", "comment", "position")


def _fresh(*, is_template: bool, creator: str, now: datetime) -> Row:
    return {
        "id": new_id(),
        "status": ItemStatus.NEW,
        "is_template": is_template,
        "creator": creator,
        "datetime_created": now,
        "datetime_updated": None,
        "version": 1,
    }


def copied_task(
    source: Mapping[str, Any], *, is_template: bool, creator: str, now: datetime
) -> Row:
    """Return the row of a copied task: the plan, not what became of it."""
    return {
        **{name: source[name] for name in _COPIED_TASK},
        **_fresh(is_template=is_template, creator=creator, now=now),
        "progress": 0,
        "status_reason": None,
        "started_at": None,
        "finished_at": None,
        "acquisition_limits": None,
        "claim_id": None,
        "claim_active": False,
        "claim_device_id": None,
        "claimed_at": None,
        "template_id": source["id"],
        "template_values": None if is_template else {},
        "repeat_of": None,
        "repeat_reason": None,
    }


def copied_tree(
    workflows: Sequence[Mapping[str, Any]],
    tasks: Sequence[Mapping[str, Any]],
    *,
    exam_id: UUID | None,
    is_template: bool,
    creator: str,
    now: datetime,
    readable: Sequence[UUID] = (),
) -> tuple[list[Row], list[Row]]:
    """Return the rows of copied workflows and tasks, inputs remapped over the whole tree.

    Args:
        workflows: Rows to copy.
        tasks: Rows of all their tasks.
        exam_id: Where the copies go.
        is_template: Whether the copies are templates.
        creator: Who copies.
        now: The time.
        readable: Tasks of the exam that the copies go to.
    """
    new_workflows, workflow_ids = [], {}
    for source in workflows:
        row = {
            **{name: source[name] for name in _COPIED_WORKFLOW},
            **_fresh(is_template=is_template, creator=creator, now=now),
            "exam_id": exam_id,
        }
        workflow_ids[source["id"]] = row["id"]
        new_workflows.append(row)
    new_tasks, task_ids = [], {}
    for source in tasks:
        row = copied_task(source, is_template=is_template, creator=creator, now=now)
        row["workflow_id"] = workflow_ids[source["workflow_id"]]
        task_ids[source["id"]] = row["id"]
        new_tasks.append(row)
    for row in new_tasks:
        row["input_task_ids"] = remap_inputs(row["input_task_ids"], task_ids, readable)
    return new_workflows, new_tasks
