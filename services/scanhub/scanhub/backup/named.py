"""Which files of the lake the databases name: these have to be in a backup."""

import json
from collections.abc import Iterator
from typing import Any, Final

from scanhub.settings import ServiceName

Row = tuple[Any, ...]
STATEMENTS: Final[dict[ServiceName, dict[str, str]]] = {
    "exam-manager": {
        "results": "SELECT task.workflow_id, result.task_id, result.id, result.files "
        "FROM result JOIN task ON task.id = result.task_id",
        "sequences": "SELECT id, seq_file_extension FROM sequence",
    },
    "device-manager": {},
    "workflow-manager": {
        "images": "SELECT key FROM dicom_instance",
        "kept aside": "SELECT key FROM kept_aside",
    },
}


def keys_of(kind: str, row: Row) -> Iterator[str]:
    """Yield what a row of a statement names, as keys of the lake: files, or folders."""
    if kind == "results":
        workflow, task, result, files = row
        names = json.loads(files) if isinstance(files, str) else files
        folder = f"lake/{_uuid(workflow)}/{_uuid(task)}/{_uuid(result)}"
        yield from (f"{folder}/{name}" for name in names or ())
    elif kind == "sequences":
        yield f"sequences/{row[0]}{row[1]}"
    else:
        yield str(row[0])


def _uuid(value: object) -> str:
    """Write an id as paths have it: SQLite keeps 32 digits alone."""
    text = str(value).replace("-", "")
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
