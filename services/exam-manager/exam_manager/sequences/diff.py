"""How the facts of two sequences differ: pure, documents in, rows out."""

from collections.abc import Iterator
from math import isclose
from typing import Any, TypeGuard

from scanhub_libraries.models import FactDifference

_SAME = 1e-12
"""Numbers closer than this, relatively, are one number: the last bits come from the arithmetic."""
_ABSENT = object()


def differences(left: dict[str, Any], right: dict[str, Any]) -> list[FactDifference]:
    """Return every field of two documents side by side, in the order of the left one.

    Fields inside a document are joined with dots; a list is compared as a whole.
    """
    flat_left, flat_right = dict(_flat(left)), dict(_flat(right))
    return [
        _row(field, flat_left.get(field, _ABSENT), flat_right.get(field, _ABSENT))
        for field in {**flat_left, **flat_right}
    ]


def _flat(document: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in document.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _row(field: str, left: Any, right: Any) -> FactDifference:
    relative = _relative(left, right)
    if left is _ABSENT or right is _ABSENT:
        differs = True
    else:
        differs = left != right if relative is None else relative > _SAME
    return FactDifference(
        field=field,
        left=None if left is _ABSENT else left,
        right=None if right is _ABSENT else right,
        differs=differs,
        relative_difference=relative,
    )


def _relative(left: Any, right: Any) -> float | None:
    """Return the relative difference of two numbers, or the largest of two lists of numbers."""
    if _is_number(left) and _is_number(right):
        largest = max(abs(left), abs(right))
        if isclose(left, right, rel_tol=_SAME):
            return 0.0
        return abs(left / largest - right / largest)  # the difference itself could overflow
    if not (isinstance(left, list) and isinstance(right, list)):
        return None
    if not left or len(left) != len(right):
        return None
    each = [_relative(one, other) for one, other in zip(left, right, strict=True)]
    numbers = [number for number in each if number is not None]
    return max(numbers) if len(numbers) == len(each) else None


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
