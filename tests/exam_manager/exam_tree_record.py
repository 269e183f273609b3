"""What must hold of the record after each step, seen from below: rows, audit trail, revisions."""

from typing import Any

import sqlalchemy as sa

from exam_manager.audit.models import AuditEntry
from exam_manager.audit.recorder import RECORDED
from exam_manager.audit.rules import is_recorded, plain
from scanhub_libraries.database import Sessions, reading

Key = tuple[str, str]
Rows = dict[Key, dict[str, Any]]
_OVER = {"task": ("workflow", "workflow_id"), "workflow": ("exam", "exam_id")}
_BELOW = {"exam": ("workflow", "exam_id"), "workflow": ("task", "workflow_id")}
_BELOW["task"] = ("result", "task_id")


class Record:
    """Every row of the record, and the entries of the audit trail that came since the last look."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._entries: set[Any] = set()
        self.rows: Rows = {}
        self.changed: set[str] = set()
        """Exams that changed and that nobody looked at since."""

    async def look(self) -> None:
        """Compare what is there with the last look."""
        before = self.rows
        async with reading(self._sessions) as session:
            self.rows = {}
            for model, kind in RECORDED.items():
                table = model.__table__  # type: ignore[attr-defined]
                for row in (await session.execute(sa.select(table))).mappings():
                    key = (kind, str(row["username" if kind == "user" else "id"]))
                    self.rows[key] = dict(row)
            entries = (await session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id))).all()
        new = [entry for entry in entries if entry.id not in self._entries]
        assert self._entries <= {entry.id for entry in entries}, "an entry of the trail is gone"
        self._entries |= {entry.id for entry in new}
        check_trail(before, self.rows, new)
        self.changed |= check_revisions(before, self.rows)

    def count(self) -> dict[str, int]:
        """Return how many rows there are of each kind."""
        kinds = [kind for kind, _ in self.rows]
        return {kind: kinds.count(kind) for kind in RECORDED.values()}


def check_trail(before: Rows, after: Rows, entries: list[AuditEntry]) -> None:
    """Each change has its entry, with the values before and after it; no change, no entry."""
    changed = [key for key in before | after if before.get(key) != after.get(key)]
    assert changed or not entries, [entry.action for entry in entries]
    for key in changed:
        kind, identifier = key
        own = [item for item in entries if item.subject_id == identifier]
        own = [item for item in own if item.subject_type == kind]
        if key not in before:
            assert own or is_counted(key, before, after, entries), f"nobody tells who made {key}"
        elif key not in after:
            assert own, f"nobody tells who deleted {key}"
            assert own[-1].action.endswith(".deleted")
        else:
            check_values(kind, before[key], after[key], own)


def is_counted(key: Key, before: Rows, after: Rows, entries: list[AuditEntry]) -> bool:
    """Say whether a copied row is counted in the entry of the root of the copy."""
    while key in after and key not in before:
        told = [item for item in entries if item.subject_id == key[1]]
        if any(name in item.changes for item in told for name in ("tasks", "workflows")):
            return True
        if key[0] not in _OVER:
            return False
        kind, name = _OVER[key[0]]
        key = (kind, str(after[key][name]))
    return False


def check_values(
    kind: str, before: dict[str, Any], after: dict[str, Any], own: list[AuditEntry]
) -> None:
    """The entries of a record lead from its values before to those after."""
    for name, value in before.items():
        was, now = plain(value), plain(after[name])
        if is_recorded(kind, name) and was != now:
            steps = [entry.changes[name] for entry in own if name in entry.changes]
            assert steps, f"nobody tells who changed {kind}.{name}"
            assert [was, now] == [steps[0][0], steps[-1][1]], (kind, name, steps)


def check_revisions(before: Rows, after: Rows) -> set[str]:
    """The revision of an exam rises with each change at or below it, and only then."""
    found = set()
    for kind, identifier in after:
        key = (kind, identifier)
        if kind != "exam":
            continue
        if key not in before:
            found.add(identifier)
            continue
        rose = after[key]["revision"] > before[key]["revision"]
        assert rose or after[key]["revision"] == before[key]["revision"]
        assert rose is (tree_of(key, before) != tree_of(key, after)), (identifier, rose)
        if rose:
            found.add(identifier)
    return found


def tree_of(key: Key, rows: Rows) -> list[Any]:
    """Return the rows at and below one, in an order of their own, without the revision."""
    own = {name: value for name, value in rows[key].items() if name != "revision"}
    if key[0] not in _BELOW:
        return [own]
    below, name = _BELOW[key[0]]
    children = sorted(item for item in rows if item[0] == below and str(rows[item][name]) == key[1])
    return [own, *(tree_of(item, rows) for item in children)]
