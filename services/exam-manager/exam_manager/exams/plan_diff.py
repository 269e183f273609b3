"""How one plan differs from another: pure, over rows.

Tasks match by lineage (a copy names the task that it was copied from) and, where that is lost, by
name; workflows by the tasks they share, else by name.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

from exam_manager.exams.plans import Plan, Row
from exam_manager.tasks.deviations import planned_values
from scanhub_libraries.models import ChangeKind, ProtocolChange

Lineage = Mapping[UUID, UUID | None]
Pairs = dict[UUID, Row]
"""Right id: the row on the left that it is the same thing as."""
_EXAM_FIELDS = ("name", "description", "indication", "comment", "patient_position")
_WORKFLOW_FIELDS = ("name", "description", "comment")


def compare(left: Plan, right: Plan, lineage: Lineage) -> list[ProtocolChange]:
    """Return what differs on the right, from the whole down to the tasks.

    Args:
        left: What is compared with.
        right: What is compared.
        lineage: Tasks of versions in between, with the task each was copied from.
    """
    own = {task["id"]: task["template_id"] for task in (*left.tasks, *right.tasks)}
    tasks = _match_tasks(left.tasks, right.tasks, {**lineage, **own})
    workflows = _match_workflows(left, right, tasks)
    return [
        *_changed("exam", left.exam, right.exam, _EXAM_FIELDS),
        *_workflow_changes(left, right, workflows),
        *_task_changes(left, right, tasks, workflows),
    ]


def _root(task_id: UUID, lineage: Lineage) -> UUID:
    seen = {task_id}
    while (parent := lineage.get(task_id)) is not None and parent not in seen:
        seen.add(parent)
        task_id = parent
    return task_id


def _match_tasks(left: Sequence[Row], right: Sequence[Row], lineage: Lineage) -> Pairs:
    pairs: Pairs = {}

    def match(key_of: Callable[[Row], Any]) -> None:
        taken = {row["id"] for row in pairs.values()}
        free = defaultdict(list)
        for row in left:
            if row["id"] not in taken:
                free[key_of(row)].append(row)
        for row in right:
            if row["id"] not in pairs and free[key_of(row)]:
                pairs[row["id"]] = free[key_of(row)].pop(0)

    match(lambda row: (_root(row["id"], lineage), row["name"]))
    match(lambda row: _root(row["id"], lineage))
    match(lambda row: (row["task_type"], row["name"]))
    return pairs


def _match_workflows(left: Plan, right: Plan, tasks: Pairs) -> Pairs:
    by_id = {row["id"]: row for row in left.workflows}
    pairs: Pairs = {}
    for row in right.workflows:
        shared = Counter(
            tasks[task["id"]]["workflow_id"] for task in right.tasks_of(row) if task["id"] in tasks
        )
        taken = {found["id"] for found in pairs.values()}
        for workflow_id, _ in shared.most_common():
            if workflow_id not in taken:
                pairs[row["id"]] = by_id[workflow_id]
                break
    for row in right.workflows:
        taken = {found["id"] for found in pairs.values()}
        same = [r for r in left.workflows if r["name"] == row["name"] and r["id"] not in taken]
        if row["id"] not in pairs and same:
            pairs[row["id"]] = same[0]
    return pairs


def _changed(
    what: Literal["exam", "workflow"], left: Row, right: Row, fields: Sequence[str]
) -> Iterator[ProtocolChange]:
    for field in fields:
        if left[field] != right[field]:
            yield ProtocolChange(
                kind=ChangeKind.CHANGED,
                what=what,
                name=right["name"],
                left_id=left["id"],
                right_id=right["id"],
                field=field,
                before=left[field],
                after=right[field],
            )


def _workflow_changes(left: Plan, right: Plan, pairs: Pairs) -> Iterator[ProtocolChange]:
    kept = {row["id"] for row in pairs.values()}
    for row in left.workflows:
        if row["id"] not in kept:
            yield ProtocolChange(
                kind=ChangeKind.REMOVED, what="workflow", name=row["name"], left_id=row["id"]
            )
    yield from _moved("workflow", left.workflows, right.workflows, pairs)
    for row in right.workflows:
        if row["id"] in pairs:
            yield from _changed("workflow", pairs[row["id"]], row, _WORKFLOW_FIELDS)
        else:
            yield ProtocolChange(
                kind=ChangeKind.ADDED, what="workflow", name=row["name"], right_id=row["id"]
            )


def _task_changes(
    left: Plan, right: Plan, pairs: Pairs, workflows: Pairs
) -> Iterator[ProtocolChange]:
    left_names = {row["id"]: row["name"] for row in left.workflows}
    kept = {row["id"] for row in pairs.values()}
    for row in left.tasks:
        if row["id"] not in kept:
            yield ProtocolChange(
                kind=ChangeKind.REMOVED,
                what="task",
                name=row["name"],
                workflow=left_names[row["workflow_id"]],
                left_id=row["id"],
            )
    for workflow in right.workflows:
        of_left = workflows.get(workflow["id"])
        rows = right.tasks_of(workflow)
        before = left.tasks_of(of_left) if of_left is not None else []
        yield from _moved("task", before, rows, pairs, workflow["name"])
        for row in rows:
            yield from _one_task(row, pairs, workflow, of_left, left_names)


def _one_task(
    row: Row, pairs: Pairs, workflow: Row, of_left: Row | None, left_names: Mapping[UUID, str]
) -> Iterator[ProtocolChange]:
    place = {"what": "task", "name": row["name"], "workflow": workflow["name"]}
    place["right_id"] = row["id"]
    was = pairs.get(row["id"])
    if was is None:
        yield ProtocolChange(kind=ChangeKind.ADDED, **place)
        return
    place["left_id"] = was["id"]
    if of_left is None or was["workflow_id"] != of_left["id"]:
        came_from = {"field": "workflow", "before": left_names[was["workflow_id"]]}
        yield ProtocolChange(kind=ChangeKind.MOVED, **place, **came_from, after=workflow["name"])
    before, after = _values(was), _values(row)
    inputs = [str(pairs[UUID(i)]["id"]) if UUID(i) in pairs else i for i in row["input_task_ids"]]
    if inputs == was["input_task_ids"]:
        after["input_task_ids"] = before["input_task_ids"]
    for field in sorted(before.keys() | after.keys()):
        if before.get(field) != after.get(field):
            values = {"before": before.get(field), "after": after.get(field)}
            yield ProtocolChange(kind=ChangeKind.CHANGED, **place, field=field, **values)


def _values(row: Row) -> dict[str, Any]:
    return {**planned_values(row), "description": row["description"]}


def _moved(
    what: Literal["workflow", "task"],
    left: Sequence[Row],
    right: Sequence[Row],
    pairs: Pairs,
    workflow: str | None = None,
) -> Iterator[ProtocolChange]:
    """Yield what stands elsewhere among those that both sides have: as few as explain the order."""
    there = {pairs[row["id"]]["id"] for row in right if row["id"] in pairs}
    was = {row["id"]: index for index, row in enumerate(r for r in left if r["id"] in there)}
    rows = [row for row in right if row["id"] in pairs and pairs[row["id"]]["id"] in was]
    indices = [was[pairs[row["id"]]["id"]] for row in rows]
    stayed = _longest_rise(indices)
    for index, (row, before) in enumerate(zip(rows, indices, strict=True)):
        if before not in stayed:
            yield ProtocolChange(
                kind=ChangeKind.MOVED,
                what=what,
                name=row["name"],
                workflow=workflow,
                left_id=pairs[row["id"]]["id"],
                right_id=row["id"],
                field="position",
                before=before,
                after=index,
            )


def _longest_rise(numbers: Sequence[int]) -> set[int]:
    """Return a longest rising part of different numbers (patience sorting)."""
    ends: list[int] = []
    before: dict[int, int | None] = {}
    for number in numbers:
        place = bisect_left(ends, number)
        before[number] = ends[place - 1] if place else None
        ends[place : place + 1] = [number]
    found: set[int] = set()
    last = ends[-1] if ends else None
    while last is not None:
        found.add(last)
        last = before[last]
    return found
