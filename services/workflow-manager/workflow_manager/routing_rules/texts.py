"""Methods of texts, lists, sets and dicts that an expression may call. Pure."""

from collections.abc import Callable, Sized
from typing import Any

from workflow_manager.routing_rules.limits import Budget, Stream, check_keys, check_text

TEXT_METHODS = frozenset(
    [
        "capitalize",
        "casefold",
        "center",
        "count",
        "endswith",
        "expandtabs",
        "find",
        "index",
        "isalnum",
        "isalpha",
        "isascii",
        "isdecimal",
        "isdigit",
        "isidentifier",
        "islower",
        "isnumeric",
        "isprintable",
        "isspace",
        "istitle",
        "isupper",
        "join",
        "ljust",
        "lower",
        "lstrip",
        "maketrans",
        "partition",
        "removeprefix",
        "removesuffix",
        "replace",
        "rfind",
        "rindex",
        "rjust",
        "rpartition",
        "rsplit",
        "rstrip",
        "split",
        "splitlines",
        "startswith",
        "strip",
        "swapcase",
        "title",
        "translate",
        "upper",
        "zfill",
    ]
)
_LIST_METHODS = frozenset({"count", "index"})
_SET_METHODS = frozenset(
    [
        "difference",
        "intersection",
        "isdisjoint",
        "issubset",
        "issuperset",
        "symmetric_difference",
        "union",
    ]
)
_DICT_METHODS = frozenset({"get", "items", "keys", "values"})
_NUMBER_PARTS = frozenset({"real", "imag"})
_NUMBER_METHODS = frozenset({"is_integer", "bit_length", "conjugate"})
METHODS: dict[type, frozenset[str]] = {
    str: TEXT_METHODS,
    list: _LIST_METHODS,
    tuple: _LIST_METHODS,
    set: _SET_METHODS,
    frozenset: _SET_METHODS,
    dict: _DICT_METHODS,
    int: _NUMBER_METHODS,
    float: _NUMBER_METHODS,
    complex: _NUMBER_METHODS,
}


def has_part(value: object, name: str) -> bool:
    """Say whether a name is a plain part of a value, such as `real` of a number."""
    return isinstance(value, int | float | complex) and name in _NUMBER_PARTS


def call_method(budget: Budget, value: Any, name: str, arguments: list[Any], named: Any) -> Any:
    """Call a method, once it is paid for."""
    for item in (value, arguments, named):
        budget.pay_for(item)
    plain = [item.items if isinstance(item, Stream) else item for item in arguments]
    if isinstance(value, str):
        for item in plain:
            for part in item if isinstance(item, tuple) else (item,):
                if isinstance(part, str):
                    budget.pay_for_search(value, part)
        length: Callable[..., int] = _GROWTH.get(name, _as_long)
        check_text(length(value, *plain))
    if isinstance(value, set | frozenset):
        check_keys(len(value) + sum(len(item) for item in plain if isinstance(item, Sized)))
    method: Callable[..., Any] = getattr(value, name)
    found = method(*plain, **named)
    return list(found) if isinstance(value, dict) and name != "get" else found


def _as_long(value: str, *_: Any) -> int:
    return len(value)


def _padded(value: str, width: Any = 0, *_: Any) -> int:
    return max(len(value), width if isinstance(width, int) else 0)


def _expanded(value: str, width: Any = 8, *_: Any) -> int:
    return len(value) + value.count("\t") * (width if isinstance(width, int) else 0)


def _replaced(value: str, old: Any = "", new: Any = "", most: Any = -1) -> int:
    if not isinstance(old, str) or not isinstance(new, str):
        return len(value)
    times = value.count(old)
    if isinstance(most, int) and most >= 0:
        times = min(times, most)
    return len(value) + times * len(new)


def _joined(value: str, parts: Any = (), *_: Any) -> int:
    if isinstance(parts, str):
        return len(parts) * (1 + len(value))
    if not isinstance(parts, list | tuple | set | frozenset | dict):
        return len(value)
    return sum(len(value) + (len(part) if isinstance(part, str) else 0) for part in parts)


def _translated(value: str, table: Any = None, *_: Any) -> int:
    if not isinstance(table, dict):
        return len(value)
    longest = max((len(new) for new in table.values() if isinstance(new, str)), default=1)
    return len(value) * max(1, longest)


_GROWTH: dict[str, Callable[..., int]] = {
    "center": _padded,
    "ljust": _padded,
    "rjust": _padded,
    "zfill": _padded,
    "expandtabs": _expanded,
    "replace": _replaced,
    "join": _joined,
    "translate": _translated,
}
"""How long the result can become."""
