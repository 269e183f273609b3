"""Where the plan of a task is not its template's any more.

A task made from a template keeps what the template said of each value that a person changed, from
the first edit until an edit brings the value back. Nothing has to be read to tell the deviations,
and they outlive the template.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any
from uuid import UUID

from scanhub_libraries.models import AcquisitionParameter, Deviation

Values = dict[str, Any]
_PLAIN = (
    "name",
    "destination",
    "device_id",
    "sequence_id",
    "calibration",
    "dag_type",
    "dag_id",
    "input_task_ids",
)
PLANNED = (*_PLAIN, "acquisition_parameter", "parameter")
"""The columns of a task that deviate."""
_AS_IN_THE_SEQUENCE = AcquisitionParameter().model_dump(mode="json")


def planned_values(row: Mapping[str, Any]) -> Values:
    """Return the plan of a task as flat JSON values, for comparison.

    A parameter of a job stands for itself, as does each part of how the field of view is placed.
    Without a placement the field of view is where the sequence has it, which the defaults say too.
    """
    values = {name: _json(row[name]) for name in _PLAIN}
    placed = row["acquisition_parameter"] or _AS_IN_THE_SEQUENCE
    for name, default in _AS_IN_THE_SEQUENCE.items():
        values[f"acquisition_parameter.{name}"] = placed.get(name, default)
    for name, value in (row["parameter"] or {}).items():
        values[f"parameter.{name}"] = value
    return values


def _json(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    return value.value if isinstance(value, Enum) else value


def note_edit(kept: Values | None, before: Values, after: Values) -> Values | None:
    """Return what a task keeps of its template's values after an edit.

    Args:
        kept: What it kept before; None: it was not made from a template.
        before: The planned values before the edit.
        after: The planned values after the edit.
    """
    if kept is None:
        return None
    of_template = {**before, **kept}
    return {
        name: of_template.get(name)
        for name in sorted(of_template.keys() | after.keys())
        if of_template.get(name) != after.get(name)
    }


def deviations_of(row: Mapping[str, Any]) -> list[Deviation]:
    """Return where a task deviates from its template, by field.

    A template without a device leaves the choice open: no device deviates from it.
    """
    kept = row["template_values"]
    if not kept:
        return []
    values = planned_values(row)
    return [
        Deviation(field=name, template=value, task=values.get(name))
        for name, value in kept.items()
        if name != "device_id" or value is not None
    ]


def note_device(kept: Values | None) -> Values | None:
    """Return what a task keeps when a claim gives a device to a plan without one."""
    return None if kept is None else {"device_id": None, **kept}
