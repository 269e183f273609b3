"""The functions that an expression may call: Python's harmless ones, and ours. Pure."""

import ast
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from workflow_manager.routing_rules import operators, typed
from workflow_manager.routing_rules.limits import (
    Budget,
    RuleError,
    Stream,
    TooCostlyError,
    check_items,
    check_keys,
    checked,
)
from workflow_manager.routing_rules.tags import Tags

_LARGEST_FACTORIAL = 500
_MOST_DIGITS = 1000
_MOST_MODULUS_BITS = 512


@dataclass(frozen=True, slots=True)
class Function:
    """Something that an expression can call, and nothing else."""

    name: str
    call: Callable[..., Any]
    """Takes the budget, then the arguments."""


def iterated(value: Any) -> list[Any]:
    """Return the items of what can be walked through."""
    if isinstance(value, Stream):
        return value.items
    if isinstance(value, str | list | tuple | set | frozenset | dict | range):
        check_items(len(value))
        return list(value)
    raise TypeError(f"'{type(value).__name__}' object is not iterable")


def _unwrapped(budget: Budget, value: Any) -> Any:
    if isinstance(value, Stream):
        return value.items
    if isinstance(value, Function):
        return lambda *items: value.call(budget, *items)
    return value


def _plain(name: str, function: Callable[..., Any]) -> Function:
    """Let an expression call a function of Python that takes no longer than its arguments."""

    def call(budget: Budget, *arguments: Any, **named: Any) -> Any:
        for item in (*arguments, *named.values()):
            budget.pay_for(item)
        plain = [_unwrapped(budget, item) for item in arguments]
        return function(*plain, **{key: _unwrapped(budget, v) for key, v in named.items()})

    return Function(name, call)


def _range(budget: Budget, *bounds: Any) -> list[int]:
    found = range(*bounds)
    check_items(len(found))
    budget.pay(1 + len(found))
    return list(found)


def _sum(budget: Budget, items: Any, start: Any = 0) -> Any:
    total = start
    if isinstance(start, str):
        raise TypeError("sum() can't sum strings")
    for item in iterated(items):
        budget.pay(1)
        total = operators.binary(budget, ast.Add, total, item)
    return total


def _pow(budget: Budget, base: Any, exponent: Any, modulus: Any = None) -> Any:
    if modulus is None:
        return operators.binary(budget, ast.Pow, base, exponent)
    for item in (base, exponent, modulus):
        if isinstance(item, int) and item.bit_length() > _MOST_MODULUS_BITS:
            raise TooCostlyError(f"pow() takes at most {_MOST_MODULUS_BITS} bits with a modulus.")
    budget.pay(1000)
    return pow(base, exponent, modulus)


def _round(budget: Budget, number: Any, ndigits: Any = None) -> Any:
    budget.pay(1)
    if isinstance(ndigits, int) and abs(ndigits) > _MOST_DIGITS:
        raise TooCostlyError(f"round() takes at most {_MOST_DIGITS} digits.")
    return round(number, ndigits)


def _factorial(budget: Budget, number: Any) -> int:
    budget.pay(100)
    if isinstance(number, int) and number > _LARGEST_FACTORIAL:
        raise TooCostlyError(f"factorial() takes at most {_LARGEST_FACTORIAL}.")
    return math.factorial(number)


def _format(budget: Budget, value: Any, form: Any = "") -> str:
    budget.pay_for(value)
    budget.pay_for(form)
    if isinstance(form, str):
        operators.check_width(form)
    return format(value, form)


def _map(budget: Budget, function: Any, *groups: Any) -> Stream:
    call = _callable(budget, function)
    rows = list(zip(*(iterated(group) for group in groups), strict=False))
    budget.pay(1 + len(rows))
    return Stream([call(*row) for row in rows])


def _filter(budget: Budget, function: Any, group: Any) -> Stream:
    keep = bool if function is None else _callable(budget, function)
    items = iterated(group)
    budget.pay(1 + len(items))
    return Stream([item for item in items if keep(item)])


def _bool(budget: Budget, value: Any = False) -> bool:
    budget.pay(1)
    return bool(value)  # a stream is true, also an empty one, as an iterator is


def _callable(budget: Budget, function: Any) -> Callable[..., Any]:
    if not isinstance(function, Function):
        raise TypeError(f"'{type(function).__name__}' object is not callable")
    return lambda *items: function.call(budget, *items)


def _group(name: str, make: Callable[..., Any]) -> Function:
    """Make a set or dict; not of so many that looking in it takes long."""

    def call(budget: Budget, *arguments: Any, **named: Any) -> Any:
        for item in (arguments, named):
            budget.pay_for(item)
        plain = [item if isinstance(item, dict) else iterated(item) for item in arguments]
        check_keys(sum(len(item) for item in plain) + len(named))
        return make(*plain, **named)

    return Function(name, call)


def _streamed(name: str, make: Callable[..., Iterable[Any]]) -> Function:
    def call(budget: Budget, *arguments: Any, **named: Any) -> Stream:
        for item in arguments:
            budget.pay_for(item)
        plain = [_unwrapped(budget, item) for item in arguments]
        return Stream(list(make(*plain, **named)))

    return Function(name, call)


_PLAIN: dict[str, Callable[..., Any]] = {
    **{f.__name__: f for f in (str, int, float, complex, list, tuple, len, min, max, abs)},
    **{f.__name__: f for f in (all, any, sorted, divmod, chr, ord, hex, oct, bin, repr)},
    **{
        name: getattr(math, name)
        for name in ["sqrt", "ceil", "floor", "log", "log10", "log2", "exp"]
    },
    **{
        name: getattr(math, name) for name in ["sin", "cos", "tan", "asin", "acos", "atan", "atan2"]
    },
    **{name: getattr(math, name) for name in ["isinf", "isnan", "fabs", "trunc"]},
    **{
        f.__name__: f
        for f in (
            typed.values,
            typed.number,
            typed.numbers,
            typed.date,
            typed.age,
            typed.years,
            typed.contains,
            typed.same,
        )
    },
}
_OWN: dict[str, Callable[..., Any]] = {
    "bool": _bool,
    "range": _range,
    "sum": _sum,
    "pow": _pow,
    "round": _round,
    "factorial": _factorial,
    "format": _format,
    "map": _map,
    "filter": _filter,
}


def _bound(function: Function) -> Function:
    def call(budget: Budget, *arguments: Any, **named: Any) -> Any:
        budget.pay(1)
        return checked(function.call(budget, *arguments, **named))

    return Function(function.name, call)


_FUNCTIONS = [
    *(_plain(name, function) for name, function in _PLAIN.items()),
    *(Function(name, function) for name, function in _OWN.items()),
    *(_group(made.__name__, made) for made in (set, frozenset, dict)),
    *(_streamed(made.__name__, made) for made in (enumerate, reversed)),
    _streamed("zip", lambda *groups: zip(*groups, strict=False)),
]
NAMES: dict[str, Any] = {
    **{function.name: _bound(function) for function in _FUNCTIONS},
    "pi": math.pi,
    "e": math.e,
    "nan": math.nan,
    "inf": math.inf,
}
"""What every expression knows, beside its tags."""


def functions_of(tags: Tags) -> dict[str, Function]:
    """Return the functions that look at tags by their names."""

    def has(budget: Budget, *keywords: Any) -> bool:
        budget.pay(len(keywords))
        found = [tags.get(_keyword(keyword)) for keyword in keywords]  # each is looked at
        return all(found)

    def tag(budget: Budget, keyword: Any, default: Any = "") -> Any:
        budget.pay(1)
        return tags.get(_keyword(keyword), default)

    return {"has": Function("has", has), "tag": Function("tag", tag)}


def _keyword(value: Any) -> str:
    if not isinstance(value, str):
        raise RuleError("has() and tag() take the name of a tag: has('Modality').")
    return value
