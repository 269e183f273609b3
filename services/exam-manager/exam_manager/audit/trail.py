"""What changed in one transaction, as the audit trail will tell it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from exam_manager.audit.rules import Changes, merged

Key = tuple[str, str]
"""Subject type and id."""


@dataclass
class Change:
    """A record that was created, updated or deleted."""

    subject_type: str
    subject_id: str
    kind: str
    given: Changes | Callable[[], Changes]
    """What changed, or what works it out: the rows of a copy are counted, so nobody asks."""
    above: Mapping[str, Any] = field(default_factory=dict)
    """Ids of what the record belongs to."""
    in_bulk: bool = False
    """It is one of many rows written by one statement, as a copy writes them."""

    @property
    def key(self) -> Key:
        """Which record it is."""
        return self.subject_type, self.subject_id

    @cached_property
    def changes(self) -> Changes:
        """What changed, from before to after."""
        return self.given() if callable(self.given) else self.given


@dataclass(slots=True)
class Told:
    """An event of the transaction."""

    type: str
    subject_id: str
    actor: str | None
    data: Mapping[str, Any]


@dataclass(slots=True)
class Trail:
    """The changes and events of a transaction, in order."""

    changes: list[Change] = field(default_factory=list)
    events: list[Told] = field(default_factory=list)
    marks: dict[object, int] = field(default_factory=dict)

    def mark(self, savepoint: object) -> None:
        """A savepoint begins here."""
        self.marks[savepoint] = len(self.changes)

    def take_back(self, savepoint: object) -> None:
        """What came since the savepoint did not happen."""
        del self.changes[self.marks.pop(savepoint, 0) :]

    def by_record(self) -> dict[Key, Change]:
        """Return one change for each record, from before the first to after the last."""
        found: dict[Key, Change] = {}
        for change in self.changes:
            known = found.get(change.key)
            if known is None:
                found[change.key] = change
            else:
                known.changes = merged(known.changes, change.changes)
                known.above = {**known.above, **change.above}
                known.kind = "created" if known.kind == "created" else change.kind
        return found


@dataclass(slots=True)
class Places:
    """Which exam and patient a record belongs to, as far as it is known."""

    task: dict[UUID, UUID | None] = field(default_factory=dict)
    workflow: dict[UUID, UUID | None] = field(default_factory=dict)
    exam: dict[UUID, UUID | None] = field(default_factory=dict)

    def learn(self, subject_type: str, subject_id: Any, above: Mapping[str, Any]) -> None:
        """Take what a row or an event says of itself and of what is above it."""
        ids = {name: _uuid(value) for name, value in above.items()}
        if subject_type in {"task", "workflow", "exam"}:
            ids[f"{subject_type}_id"] = _uuid(subject_id)
        for below, over in (("task", "workflow"), ("workflow", "exam"), ("exam", "patient")):
            identifier = ids.get(f"{below}_id")
            if identifier is not None and f"{over}_id" in ids:
                getattr(self, below)[identifier] = ids[f"{over}_id"]

    def find(self, subject_type: str, subject_id: Any, above: Mapping[str, Any]) -> "Place":
        """Return the exam and the patient of a record; or what must be read to tell."""
        ids = {name: _uuid(value) for name, value in above.items()}
        if subject_type in {"task", "workflow", "exam", "patient"}:
            ids[f"{subject_type}_id"] = _uuid(subject_id)
        for below, over in (("task", "workflow"), ("workflow", "exam"), ("exam", "patient")):
            identifier = ids.get(f"{below}_id")
            if identifier is None or ids.get(f"{over}_id") is not None:
                continue
            known = getattr(self, below)
            if identifier not in known:
                return Place(ids.get("exam_id"), ids.get("patient_id"), unread=(below, identifier))
            ids[f"{over}_id"] = known[identifier]
        return Place(ids.get("exam_id"), ids.get("patient_id"))


@dataclass(frozen=True, slots=True)
class Place:
    """The exam and the patient that an entry belongs to."""

    exam_id: UUID | None = None
    patient_id: UUID | None = None
    unread: tuple[str, UUID] | None = None


def moved_from(change: Change) -> Iterator[Mapping[str, Any]]:
    """Yield where a record was before it was moved, so that it is told there as well."""
    names = {"exam": "patient_id", "workflow": "exam_id", "task": "workflow_id"}
    name = names.get(change.subject_type)
    if name in change.changes and change.kind == "updated":
        before = change.changes[name][0]
        if before is not None:
            yield {name: before}


def _uuid(value: Any) -> UUID | None:
    if value is None or isinstance(value, UUID):
        return value
    try:
        return UUID(str(value))
    except ValueError:
        return None
