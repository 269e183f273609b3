"""The operators of an expression, each paid for and bounded before it runs. Pure."""

import ast
import operator
import re
from collections.abc import Callable, Sized
from typing import Any

from workflow_manager.routing_rules.limits import (
    MOST_BITS,
    Budget,
    RuleError,
    Stream,
    TooCostlyError,
    check_bits,
    check_items,
    check_text,
    checked,
)

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.Not: operator.not_,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Invert: operator.invert,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda item, group: item in group,
    ast.NotIn: lambda item, group: item not in group,
}
_WIDE = re.compile(r"\d{5,}")
_WIDEST = 10_000


def unary(kind: type[ast.unaryop], value: Any) -> Any:
    """Return what an operator makes of one value."""
    return _UNARY[kind](value)


def binary(budget: Budget, kind: type[ast.operator], left: Any, right: Any) -> Any:
    """Return what an operator makes of two values."""
    if kind not in _BINARY:
        raise RuleError("There is no operator @.")
    budget.pay_for(left)
    budget.pay_for(right)
    check = _CHECKS.get(kind)
    if check is not None:
        check(left, right)
    return checked(_BINARY[kind](left, right))


def compare(budget: Budget, kind: type[ast.cmpop], left: Any, right: Any) -> Any:
    """Return what a comparison says."""
    budget.pay_for(left)
    budget.pay_for(right)
    if kind in {ast.In, ast.NotIn}:
        if isinstance(left, str) and isinstance(right, str):
            budget.pay_for_search(right, left)
        elif isinstance(right, Stream):
            right = right.items
    return _COMPARE[kind](left, right)


def check_power(base: Any, exponent: Any) -> None:
    """Refuse a power that has too many digits."""
    if isinstance(base, int) and isinstance(exponent, int) and exponent > 0 and base not in {0, 1}:
        check_bits(float(base.bit_length()) * min(exponent, MOST_BITS + 1))


def check_width(form: str, values: int = 1) -> None:
    """Refuse a format with a width that makes a text long."""
    if _WIDE.search(form) or "*" in form:
        raise TooCostlyError(f"A format may ask for a width of less than {_WIDEST}.")
    check_text(values * max([0, *(int(width) for width in re.findall(r"\d+", form))]))


def _check_product(left: Any, right: Any) -> None:
    for group, times in ((left, right), (right, left)):
        if isinstance(times, int) and isinstance(group, Sized):
            check = check_text if isinstance(group, str) else check_items
            check(len(group) * max(0, times))
    if isinstance(left, int) and isinstance(right, int):
        check_bits(left.bit_length() + right.bit_length())


def _check_shift(left: Any, right: Any) -> None:
    if isinstance(left, int) and isinstance(right, int):
        check_bits(left.bit_length() + max(0, right))


def _check_format(left: Any, _: Any) -> None:
    if isinstance(left, str):
        check_width(left, values=left.count("%"))


_CHECKS: dict[type[ast.operator], Callable[[Any, Any], None]] = {
    ast.Mult: _check_product,
    ast.Pow: check_power,
    ast.LShift: _check_shift,
    ast.Mod: _check_format,
}
