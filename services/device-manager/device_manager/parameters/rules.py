"""What differs between two documents, and which values of a calibration are taken over. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from device_manager.parameters.schema import problems_of, properties_of, read_only
from device_manager.safety.exposure import COEFFICIENT
from scanhub_libraries.models import ParameterChange, ParameterProblem

_Json = dict[str, Any]
_MISSING = object()
_MOST_ROUNDS = 64


def changes(before: _Json, after: _Json) -> list[ParameterChange]:
    """Return where two documents differ, member by member."""
    return list(_changes((), before, after))


def _changes(path: tuple[str, ...], before: Any, after: Any) -> Iterator[ParameterChange]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in [*before, *(name for name in after if name not in before)]:
            left, right = before.get(name, _MISSING), after.get(name, _MISSING)
            yield from _changes((*path, str(name)), left, right)
    elif _differ(before, after):
        yield ParameterChange(
            field=".".join(path),
            before=None if before is _MISSING else before,
            after=None if after is _MISSING else after,
        )


def _differ(before: Any, after: Any) -> bool:
    """Say whether two values differ; `true` is not 1, though Python says so."""
    return isinstance(before, bool) is not isinstance(after, bool) or before != after


def changed_fields(before: _Json, after: _Json) -> list[str]:
    """Return the names of the parameters that differ."""
    return [
        name
        for name in sorted({*before, *after})
        if _differ(before.get(name, _MISSING), after.get(name, _MISSING))
    ]


@dataclass(frozen=True, slots=True)
class Merged:
    """Parameters with what a calibration has measured.

    Attributes:
        parameter: The whole document.
        refused: What was not taken over, and why.
    """

    parameter: _Json
    refused: list[ParameterProblem]


def merge(parameter: _Json, values: _Json, schema: _Json | None) -> Merged:
    """Take over the values that the document or its schema knows and that are plausible.

    Args:
        parameter: The document in force.
        values: What was measured.
        schema: Of the type of the device; without one a value has to look like the one before.
    """
    refused = list(_unfit(parameter, values, schema))
    names = {problem.field for problem in refused}
    taken = {name: value for name, value in values.items() if name not in names}
    standing = {problem.field for problem in problems_of(schema, parameter)}
    for _ in range(_MOST_ROUNDS):
        found = problems_of(schema, {**parameter, **taken})
        found = [
            problem
            for problem in found
            if problem.field not in standing or any(_within(problem, name) for name in taken)
        ]
        if not found or not taken:
            break
        blamed = {name for name in taken if any(_within(problem, name) for problem in found)}
        for name in sorted(blamed or taken):  # one that belongs to no value rejects all
            why = next((item for item in found if _within(item, name)), found[0])
            refused.append(ParameterProblem(field=why.field or name, problem=why.problem))
            del taken[name]
    return Merged({**parameter, **taken}, refused)


def _within(problem: ParameterProblem, name: str) -> bool:
    return problem.field == name or problem.field.startswith(f"{name}.")


def _unfit(parameter: _Json, values: _Json, schema: _Json | None) -> Iterator[ParameterProblem]:
    described, fixed = properties_of(schema), of_people(schema)
    for name, value in values.items():
        if name not in parameter and name not in described:
            yield ParameterProblem(field=name, problem="is no parameter of this device")
        elif name in fixed:
            yield ParameterProblem(field=name, problem="is set by people only")
        elif name not in described and not _alike(parameter[name], value):
            yield ParameterProblem(field=name, problem="has another form than the value before")


def _alike(before: Any, after: Any) -> bool:
    """Say whether a value has the form of the one before: number for number, as long a list."""
    if before is None:
        return True
    if isinstance(before, list) and isinstance(after, list):
        pairs = zip(before, after, strict=False)
        return len(before) == len(after) and all(_alike(old, new) for old, new in pairs)
    if isinstance(before, dict) and isinstance(after, dict):
        return all(name in before and _alike(before[name], after[name]) for name in after)
    return _form(before) == _form(after)


def _form(value: Any) -> str:
    if isinstance(value, bool):
        return "truth"
    return "number" if isinstance(value, int | float) else type(value).__name__


def of_people(schema: _Json | None) -> frozenset[str]:
    """Return the parameters that no device changes by itself.

    The SAR of every scan is judged by the coefficient, so that is one of them in any case.
    """
    return read_only(schema) | {COEFFICIENT}


def read_only_changes(before: _Json, after: _Json, schema: _Json | None) -> list[ParameterProblem]:
    """Return what a device changed by itself, and may not."""
    fixed = of_people(schema)
    return [
        ParameterProblem(field=name, problem="is set by people only")
        for name in changed_fields(before, after)
        if name in fixed
    ]


def told(problems: list[ParameterProblem]) -> str:
    """Return problems as one text."""
    return "; ".join(
        f"{item.field}: {item.problem}" if item.field else item.problem for item in problems
    )
