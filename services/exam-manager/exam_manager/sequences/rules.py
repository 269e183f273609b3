"""What an uploaded sequence must be."""

import re
from collections.abc import Sequence
from pathlib import PurePath
from uuid import UUID

from exam_manager.searching import escaped, folded
from scanhub_libraries.errors import ConflictError, PayloadTooLargeError, UnprocessableError
from scanhub_libraries.models import BaseMRISequence

MAX_BYTES = 64 * 2**20
TAG_BORDER = "\x1f"
"""The unit separator: nobody types it, so it stands between tags in the text to search."""
_SUFFIX = re.compile(r"^\.[a-z0-9]{1,8}$")


def check_size(size: int, field: str) -> None:
    """Refuse a file that is empty or too large.

    Raises:
        PayloadTooLargeError: More than 64 MiB.
        UnprocessableError: Nothing in it.
    """
    if size > MAX_BYTES:
        raise PayloadTooLargeError(
            f"{field} has {size} bytes; at most {MAX_BYTES} are taken.", field=field
        )
    if size == 0:
        raise UnprocessableError(f"{field} is empty.", field=field)


def decode(data: bytes, field: str) -> str:
    """Return the text of a file.

    Raises:
        UnprocessableError: It is not UTF-8, with the line.
    """
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UnprocessableError(
            f"{field}, line {line}: not UTF-8 text.", field=field, line=line
        ) from error


def suffix_of(filename: str | None, default: str) -> str:
    """Return the ending of a file name, if it is one."""
    suffix = PurePath(filename or "").suffix.lower()
    return suffix if _SUFFIX.match(suffix) else default


def download_name(name: str) -> str:
    """Return a name to save a file under: no folder in it, nothing that cannot be seen."""
    return "".join("_" if char in "/\\" or not char.isprintable() else char for char in name)


def check_unused(task_ids: Sequence[UUID]) -> None:
    """Refuse to delete a sequence that tasks use.

    Raises:
        ConflictError: With the list of tasks.
    """
    if task_ids:
        raise ConflictError(
            f"{len(task_ids)} tasks use the sequence: give them another one first.",
            tasks=[str(task_id) for task_id in task_ids],
        )


def search_text(body: BaseMRISequence) -> str:
    """Return what a search looks at, folded; each tag stands between two borders."""
    said = f"{body.name} {body.description} {body.sequence_type}".replace(TAG_BORDER, " ")
    tags = [tag.replace(TAG_BORDER, " ") for tag in body.tags]
    return folded(TAG_BORDER.join([said, *tags, ""]))


def search_patterns(search: str | None, tag: str | None) -> list[str]:
    """Return the LIKE patterns, backslash their escape, that a search text must all match."""
    patterns = [f"%{_escaped(word)}%" for word in (search or "").split()]
    if tag is not None:
        patterns.append(f"%{TAG_BORDER}{_escaped(tag)}{TAG_BORDER}%")
    return patterns


def _escaped(text: str) -> str:
    return escaped(folded(text).replace(TAG_BORDER, " "))
