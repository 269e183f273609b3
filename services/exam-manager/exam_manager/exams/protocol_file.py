"""A file of protocols, from bytes: bounded, and read in a thread."""

import re
from codecs import BOM_UTF8
from typing import Any

from pydantic_core import from_json

from scanhub_libraries.errors import PayloadTooLargeError, UnprocessableError
from scanhub_libraries.models import ProtocolsFile

MOST_TASKS = 10_000
"""Of all protocols of a file together: so many are written in a second or two."""
_MOST_PARTS = 300_000
"""Objects, lists and members. Reading JSON holds all threads of Python while it goes on, 0.1 s for
so many; the text of a sequence is one part, however long."""
_PLACE = re.compile(r"^(?P<what>.*) at line (?P<line>\d+) column (?P<column>\d+)$", re.DOTALL)


def read_file(data: bytes) -> ProtocolsFile:
    """Return the protocols of a file.

    Raises:
        UnprocessableError: It is no JSON; with line and column.
        PayloadTooLargeError: It has more parts or tasks than are taken at once.
        ValidationError: It is no file of protocols; with the places (pydantic's).
    """
    if sum(map(data.count, (b"{", b"[", b","))) > _MOST_PARTS:
        raise PayloadTooLargeError(
            f"The file has more than {_MOST_PARTS} parts: import fewer protocols at once."
        )
    try:
        document = from_json(data.removeprefix(BOM_UTF8), allow_inf_nan=False)
    except ValueError as error:
        raise _no_json(str(error)) from error
    tasks = _count_tasks(document)
    if tasks > MOST_TASKS:
        raise PayloadTooLargeError(
            f"The file has {tasks} tasks; {MOST_TASKS} at most are taken at once: import fewer "
            "protocols."
        )
    return ProtocolsFile.model_validate(document)


def _no_json(said: str) -> UnprocessableError:
    place = _PLACE.match(said)
    if place is None:
        return UnprocessableError(f"The file is no JSON: {said[:200]}.", field="file")
    line, column = int(place["line"]), int(place["column"])
    return UnprocessableError(
        f"The file is no JSON: line {line}, column {column}: {place['what'][:200]}.",
        field="file",
        line=line,
        column=column,
    )


def _count_tasks(document: Any) -> int:
    return sum(
        len(_list(workflow, "tasks"))
        for protocol in _list(document, "protocols")
        for workflow in _list(protocol, "workflows")
    )


def _list(part: Any, name: str) -> list[Any]:
    """Return a list of a part, whatever the part may be."""
    found = part.get(name) if isinstance(part, dict) else None
    return found if isinstance(found, list) else []
