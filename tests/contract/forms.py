"""The models of the wire: every field that ScanHub's clients know, with its type."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from .driver import Caller, Json, is_uuid

UUID_TEXT, TIME, DAY = "uuid", "time", "date"


def _is_number(value: Any, kind: type) -> bool:
    allowed = int if kind is int else (int, float)
    return isinstance(value, allowed) and not isinstance(value, bool)


_KINDS: dict[Any, Callable[[Any], bool]] = {
    None: lambda value: value is None,
    UUID_TEXT: is_uuid,
    TIME: lambda value: datetime.fromisoformat(value).utcoffset() is not None,
    DAY: lambda value: bool(date.fromisoformat(value)),
    float: lambda value: _is_number(value, float),
    int: lambda value: _is_number(value, int),
}


def _is(value: Any, kind: Any) -> bool:
    """Say whether a value is of a kind: a type, UUID_TEXT, TIME, DAY, or one of several."""
    if isinstance(kind, tuple):
        return any(_is(value, one) for one in kind)
    if kind in {UUID_TEXT, TIME, DAY} and not isinstance(value, str):
        return False
    check = _KINDS.get(kind)
    return check(value) if check else isinstance(value, kind)


STORED: Json = {"creator": str, "datetime_created": TIME, "datetime_updated": (TIME, None)}
PATIENT: Json = {
    "id": UUID_TEXT,
    "first_name": str,
    "last_name": str,
    "birth_date": DAY,
    "sex": str,
    "height": float,
    "weight": float,
    "issuer": str,
    "status": str,
    "comment": (str, None),
    "datetime_created": TIME,
    "datetime_updated": (TIME, None),
}
EXAM: Json = {
    "id": UUID_TEXT,
    "patient_id": (UUID_TEXT, None),
    "name": str,
    "description": str,
    "indication": (str, None),
    "comment": (str, None),
    "status": str,
    "is_template": bool,
    "workflows": list,
    **STORED,
}
WORKFLOW: Json = {
    "id": UUID_TEXT,
    "exam_id": (UUID_TEXT, None),
    "name": str,
    "description": str,
    "comment": (str, None),
    "status": str,
    "is_template": bool,
    "tasks": list,
    **STORED,
}
TASK: Json = {
    "id": UUID_TEXT,
    "workflow_id": (UUID_TEXT, None),
    "name": str,
    "description": str,
    "task_type": str,
    "destination": str,
    "status": str,
    "progress": int,
    "is_template": bool,
    "position": int,
    "results": list,
    **STORED,
}
ACQUISITION: Json = {
    **TASK,
    "device_id": (UUID_TEXT, None),
    "sequence_id": (str, None),
    "acquisition_parameter": (dict, None),
    "acquisition_limits": (dict, None),
    "calibration": list,
}
LIMITS: Json = {
    "patient_height": float,
    "patient_weight": int,
    "patient_gender": str,
    "patient_age": int,
}
XYZ: Json = {"x": float, "y": float, "z": float}
PARAMETER: Json = {"fov_scaling": dict, "fov_offset": dict, "fov_rotation": dict}
JOB: Json = {
    **TASK,
    "dag_type": str,
    "dag_id": str,
    "input_task_ids": list,
    "parameter": (dict, None),
}
RESULT: Json = {
    "id": UUID_TEXT,
    "task_id": UUID_TEXT,
    "type": str,
    "directory": str,
    "files": list,
    "meta": (dict, None),
    "datetime_created": TIME,
}
SEQUENCE: Json = {
    "_id": str,
    "name": str,
    "description": str,
    "sequence_type": str,
    "tags": list,
    "created_at": TIME,
    "updated_at": (TIME, None),
    "seq_file": str,
    "seq_file_extension": str,
    "xml_file": (str, None),
    "xml_file_extension": (str, None),
}
DEVICE: Json = {
    "id": UUID_TEXT,
    "name": str,
    "description": str,
    "status": str,
    "device_name": (str, None),
    "serial_number": (str, None),
    "manufacturer": (str, None),
    "modality": (str, None),
    "site": (str, None),
    "parameter": (dict, None),
    "datetime_created": TIME,
    "datetime_updated": (TIME, None),
}
USER: Json = {
    "username": str,
    "first_name": str,
    "last_name": str,
    "email": (str, None),
    "role": str,
    "access_token": str,
    "token_type": str,
    "last_activity_unixtime": (int, None),
    "last_login_unixtime": (int, None),
}
MRD_META: Json = {
    "workflow_id": str,
    "task_id": str,
    "result_id": str,
    "dtype": str,
    "acquisitions": list,
}
MRD_ACQUISITION: Json = {
    "acquisition_id": int,
    "num_samples": int,
    "num_coils": int,
    "dwell_time": float,
}


def has_form(caller: Caller, model: str, document: Json, form: Json) -> None:
    """Check that a document has every field of a model, with the right type."""
    wrong = {
        name: document.get(name, "missing")
        for name, kind in form.items()
        if name not in document or not _is(document[name], kind)
    }
    caller.holds(f"{model} has every field of the contract with its type", not wrong, wrong)
