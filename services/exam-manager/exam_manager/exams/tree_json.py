"""The tree of an exam as JSON, straight from rows.

What comes from our own tables was checked when it went in, so it is not validated again: a read of
50 tasks costs a third of what it would through the models. The fields and their order are those of
the models; a field that is neither a column nor given here fails at the import. Tests hold the
bytes equal to what the models write.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from pydantic import BaseModel
from pydantic_core import to_json

from exam_manager.exams.models import Exam
from exam_manager.results.models import Result
from exam_manager.tasks.deviations import deviations_of
from exam_manager.tasks.models import Task
from exam_manager.workflows.models import Workflow
from scanhub_libraries.models import (
    AcquisitionLimits,
    AcquisitionParameter,
    AcquisitionTaskOut,
    DAGTaskOut,
    ExamOut,
    ResultOut,
    TaskType,
    WorkflowOut,
)

Row = Mapping[Any, Any]
Item = dict[str, Any]
_DOCUMENTS: dict[str, type[BaseModel]] = {
    "acquisition_parameter": AcquisitionParameter,
    "acquisition_limits": AcquisitionLimits,
}


def _fields(model: type[BaseModel], table: type[Any], *given: str) -> Item:
    """Return the fields of a model in its order, each with what it is where no column says it.

    Raises:
        TypeError: The model has a field that is neither a column, nor given, nor has a default.
    """
    known = {*table.__table__.columns.keys(), *given}
    fields = model.model_fields
    if unknown := [name for name in fields if name not in known and fields[name].is_required()]:
        raise TypeError(f"{model.__name__} has {unknown}, which {__name__} does not know")
    return {
        name: None if name in known else field.get_default(call_default_factory=True)
        for name, field in fields.items()
    }


_EXAM = _fields(ExamOut, Exam, "workflows")
_WORKFLOW = _fields(WorkflowOut, Workflow, "tasks")
_RESULT = _fields(ResultOut, Result)
_TASK = {
    TaskType.ACQUISITION: _fields(AcquisitionTaskOut, Task, "results"),
    TaskType.DAG: _fields(DAGTaskOut, Task, "results"),
}


def _columns(table: type[Any], *groups: Iterable[str]) -> list[sa.Column[Any]]:
    wanted = {name for group in groups for name in group}
    return [column for column in table.__table__.columns if column.name in wanted]


EXAM_COLUMNS = _columns(Exam, _EXAM, ("revision",))
WORKFLOW_COLUMNS = _columns(Workflow, _WORKFLOW)
TASK_COLUMNS = _columns(Task, *_TASK.values(), ("template_values",))
RESULT_COLUMNS = _columns(Result, _RESULT)


def render_trees(
    exams: Iterable[Row], workflows: Iterable[Row], tasks: Iterable[Row], results: Iterable[Row]
) -> dict[UUID, bytes]:
    """Return the tree of each exam as JSON, from all their rows, each level in its order."""
    results_of = _below("task_id", (_shown(row, _RESULT) for row in results))
    tasks_of = _below("workflow_id", (_task(row, results_of) for row in tasks))
    workflows_of = _below(
        "exam_id",
        (_shown(row, _WORKFLOW, tasks=tasks_of.get(row["id"], [])) for row in workflows),
    )
    return {
        row["id"]: to_json(_shown(row, _EXAM, workflows=workflows_of.get(row["id"], [])))
        for row in exams
    }


def _shown(row: Row, fields: Item, **below: list[Item]) -> Item:
    values = {**fields, **row, **below}
    return {name: values[name] for name in fields}


def _task(row: Row, results: Mapping[UUID, list[Item]]) -> Item:
    item = _shown(row, _TASK[row["task_type"]], results=results.get(row["id"], []))
    item["deviations"] = deviations_of(row)
    for name, model in _DOCUMENTS.items():
        if item.get(name) is not None:  # a document of an earlier release may lack a field
            item[name] = model.model_validate(item[name])
    return item


def _below(name: str, items: Iterable[Item]) -> dict[UUID, list[Item]]:
    found: dict[UUID, list[Item]] = defaultdict(list)
    for item in items:
        found[item[name]].append(item)
    return found
