"""What an entry of the audit trail holds. Pure."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from enum import Enum
from functools import cache
from typing import Any, Final
from uuid import UUID

Changes = dict[str, list[Any]]
"""Field: [before, after]."""

MOST_CHARACTERS: Final = 1000
_SHOWN: Final = 200
_OWN_TIMES = frozenset({"id", "datetime_created", "datetime_updated"})
_COUNTERS = frozenset(
    {"version", "revision", "search_text", "patient_id_folded", "accession_folded"}
)
UNRECORDED: Final[Mapping[str, frozenset[str]]] = {
    "patient": _OWN_TIMES | _COUNTERS,
    "exam": _OWN_TIMES | _COUNTERS | {"day"},
    "workflow": _OWN_TIMES | _COUNTERS,
    "task": _OWN_TIMES
    | _COUNTERS
    | {"progress", "claim_active", "claimed_at", "started_at", "finished_at", "template_values"},
    "result": _OWN_TIMES | _COUNTERS,
    "sequence": _OWN_TIMES | _COUNTERS | {"facts", "created_at", "updated_at"},
    "user": _OWN_TIMES
    | _COUNTERS
    | {"password_hash", "founder", "last_login_at", "last_activity_at"}
    | {"failed_logins", "locked_until"},  # told by user.login_refused, locked and unlocked
}
"""What is left out: counters, what is worked out from other fields, and secrets. A column that is
added to a table is recorded, unless it stands here or sounds like a secret."""
_SECRET = ("password_hash", "token", "secret")
_EMPTY: Final[tuple[Any, ...]] = (None, "", [], {})
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "'")


@cache
def is_recorded(subject_type: str, field: str) -> bool:
    """Say whether a field of a record is written into the trail."""
    if any(part in field for part in _SECRET):
        return False
    return field not in UNRECORDED[subject_type]


def plain(value: Any) -> Any:
    """Return a value as JSON has it; a long one by its size, its hash and how it begins."""
    value = _json(value)
    if isinstance(value, str):
        text, size = value, {"characters": len(value)}
    elif isinstance(value, list | dict):
        text, size = json.dumps(value, sort_keys=True, default=str), {"items": len(value)}
    else:
        return value
    if len(text) <= MOST_CHARACTERS:
        return value
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return {**size, "sha256": digest, "begin": text[:_SHOWN]}


def _json(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value


def created(subject_type: str, values: Mapping[str, Any]) -> Changes:
    """Return what a new record says; what is empty is left out."""
    return {
        name: [None, plain(value)]
        for name, value in values.items()
        if is_recorded(subject_type, name) and value not in _EMPTY
    }


def deleted(subject_type: str, values: Mapping[str, Any]) -> Changes:
    """Return what a deleted record said; what was empty is left out."""
    return {name: [after, None] for name, (_, after) in created(subject_type, values).items()}


def merged(first: Changes, then: Changes) -> Changes:
    """Return two changes of one record as one: before the first, after the second."""
    both = {name: list(pair) for name, pair in first.items()}
    for name, (before, after) in then.items():
        both[name] = [both[name][0] if name in both else before, after]
    return {name: pair for name, pair in both.items() if pair[0] != pair[1]}


def subject_type_of(event_type: str) -> str:
    """Return what kind of thing an event tells of: `task` for `exam.task.finished`."""
    parts = event_type.split(".")
    return parts[1] if parts[:2] == ["exam", "task"] else parts[0]


def safe_cell(value: object) -> str:
    """Return a cell of a table that no spreadsheet takes for a formula.

    What a person typed in may begin like one, and would be run when somebody opens the file (CWE
    1236): an apostrophe before it makes it text.
    """
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def csv_line(cells: Iterable[object]) -> str:
    """Return a line of a CSV file (RFC 4180)."""
    quoted = (f'"{safe_cell(cell).replace(chr(34), chr(34) * 2)}"' for cell in cells)
    return ",".join(quoted) + "\r\n"
