"""Evaluate an expression: an interpreter of what is allowed, and of nothing else. Pure.

Python's own evaluation is never used, and neither are attributes of Python's objects, except the
methods named in `texts`: what is not listed does not exist.
"""

import ast
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from workflow_manager.routing_rules import operators
from workflow_manager.routing_rules.functions import NAMES, Function, functions_of
from workflow_manager.routing_rules.limits import Budget, RuleError, checked
from workflow_manager.routing_rules.parsing import parse
from workflow_manager.routing_rules.places import Place, place_of, place_of_syntax_error
from workflow_manager.routing_rules.tags import AnyTags, TagAccess, TagNotFoundError, Tags
from workflow_manager.routing_rules.texts import METHODS, TEXT_METHODS, call_method, has_part

_LONGEST_SOURCE = 80


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of an expression."""

    triggered: bool
    error: str | None = None
    """Why it could not be evaluated; without any value of a tag."""
    missing: str | None = None
    """The tag that it asks for and that is not kept: then it does not hold, without an error."""
    tags_accessed: tuple[TagAccess, ...] = ()
    place: Place | None = None
    """Where in the expression the error is, as far as that is known."""


def evaluate(expression: str, values: Mapping[str, str], budget: Budget | None = None) -> Verdict:
    """Say whether an expression holds.

    Args:
        expression: Text of the rule.
        values: Tags by keyword, as text.
        budget: What it may cost.
    """
    tags = Tags(values)
    try:
        tree = parse(expression, tags)
        triggered = bool(_Evaluation(tags, budget or Budget()).value(tree))
    except TagNotFoundError as missing:
        return Verdict(False, missing=missing.keyword, tags_accessed=tags.accessed)
    except RuleError as error:
        place = _place(error, expression)
        return Verdict(False, error=str(error), tags_accessed=tags.accessed, place=place)
    return Verdict(triggered, tags_accessed=tags.accessed)


def problem_with_rule(expression: str) -> str | None:
    """Say what is wrong with an expression, whatever the tags are; None: nothing is seen.

    Stricter than evaluation, which never comes to what stands behind `True or`.
    """
    flaw = flaw_in(expression)
    return None if flaw is None else flaw[0]


def flaw_in(expression: str) -> tuple[str, Place | None] | None:
    """Say what is wrong with an expression whatever the tags are, and where."""
    try:
        tree = parse(expression, AnyTags({}))
    except RuleError as error:
        return str(error), _place(error, expression)
    known = {*NAMES, *functions_of(AnyTags({})), "tags"}
    for node in ast.walk(tree):
        if isinstance(node, ast.expr) and type(node) not in _VISITS:
            return _unknown(node), place_of(node, expression)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            return "There is no operator @.", place_of(node, expression)
        if isinstance(node, ast.Name) and node.id not in known:
            return f"There is nothing called {node.id!r}.", place_of(node, expression)
    return None


def _place(error: RuleError, expression: str) -> Place | None:
    if isinstance(error.at, SyntaxError):
        return place_of_syntax_error(error.at, expression)
    return None if error.at is None else place_of(error.at, expression)


def _unknown(node: ast.AST | None) -> str:
    return f"Rules have no {_SPOKEN.get(type(node), 'such syntax')}: {_src(node)}"


class _Evaluation:
    """One evaluation of one tree."""

    def __init__(self, tags: Tags, budget: Budget) -> None:
        self._tags, self._budget = tags, budget
        self._names: Mapping[str, Any] = {**NAMES, **functions_of(tags), "tags": tags}

    def value(self, node: ast.expr | None) -> Any:
        """Return the value of a part of the tree."""
        self._budget.pay(1)
        visit = _VISITS.get(type(node))
        if visit is None or node is None:
            raise RuleError(_unknown(node))
        try:
            return visit(self, node)
        except RuleError as error:
            if error.at is None:
                error.at = node
            raise

    def constant(self, node: ast.Constant) -> Any:
        if isinstance(node.value, bytes) or node.value is Ellipsis:
            raise RuleError(f"Rules have no such value: {_src(node)}")
        return node.value

    def name(self, node: ast.Name) -> Any:
        if node.id not in self._names:
            raise RuleError(f"There is nothing called {node.id!r}.")
        return self._names[node.id]

    def attribute(self, node: ast.Attribute) -> Any:
        owner, name = self.value(node.value), node.attr
        if owner is self._tags:
            return self._tags.attribute(name)
        if isinstance(owner, Function) and owner.name == "str" and name in TEXT_METHODS:
            return Function(name, lambda budget, text, *rest: _method(text, name)(budget, *rest))
        if name in METHODS.get(type(owner), ()):
            return Function(name, _method(owner, name))
        if has_part(owner, name):
            return getattr(owner, name)
        raise RuleError(f"There is no {name!r} here: {_src(node)}")

    def subscript(self, node: ast.Subscript) -> Any:
        owner = self.value(node.value)
        if owner is self._tags:
            return self._tags.item(self.value(node.slice))
        index = self.value(node.slice)
        if not isinstance(owner, str | list | tuple | dict):
            raise RuleError(f"This has no parts: {_src(node)}")
        self._budget.pay_for(owner)
        self._budget.pay_for(index)  # its hash walks through all of it
        with _told_at(node):
            return owner[index]

    def slice(self, node: ast.Slice) -> slice:
        parts = (node.lower, node.upper, node.step)
        return slice(*(None if part is None else self.value(part) for part in parts))

    def call(self, node: ast.Call) -> Any:
        function = self.value(node.func)
        if not isinstance(function, Function):
            raise RuleError(f"This is no function: {_src(node.func)}")
        arguments = [self.value(argument) for argument in node.args]
        named = {str(key.arg): self.value(key.value) for key in node.keywords if key.arg}
        if len(named) != len(node.keywords):
            raise RuleError(f"Rules have no **: {_src(node)}")
        with _told_at(node):
            return function.call(self._budget, *arguments, **named)

    def either(self, node: ast.BoolOp) -> Any:
        stops_at = isinstance(node.op, ast.Or)
        value: Any = None
        for part in node.values:
            value = self.value(part)
            if bool(value) is stops_at:
                return value
        return value

    def unary(self, node: ast.UnaryOp) -> Any:
        value = self.value(node.operand)
        with _told_at(node):
            return operators.unary(type(node.op), value)

    def binary(self, node: ast.BinOp) -> Any:
        left, right = self.value(node.left), self.value(node.right)
        with _told_at(node):
            return operators.binary(self._budget, type(node.op), left, right)

    def compare(self, node: ast.Compare) -> Any:
        left, holds = self.value(node.left), True
        for kind, part in zip(node.ops, node.comparators, strict=True):
            right = self.value(part)
            with _told_at(node):
                holds = operators.compare(self._budget, type(kind), left, right)
            if not holds:
                return holds
            left = right
        return holds

    def group(self, node: ast.List | ast.Tuple | ast.Set) -> Any:
        items = [self.value(item) for item in node.elts]
        if isinstance(node, ast.Set):
            self._budget.pay_for(items)
        with _told_at(node):
            return checked(_GROUPS[type(node)](items))

    def pairs(self, node: ast.Dict) -> Any:
        keys = [self.value(key) for key in node.keys]
        values = [self.value(value) for value in node.values]
        self._budget.pay_for(keys)
        with _told_at(node):
            return checked(dict(zip(keys, values, strict=True)))


def _method(owner: Any, name: str) -> Callable[..., Any]:
    def call(budget: Budget, *arguments: Any, **named: Any) -> Any:
        if name not in METHODS.get(type(owner), ()):
            raise TypeError(f"descriptor '{name}' does not apply to a '{type(owner).__name__}'")
        return checked(call_method(budget, owner, name, list(arguments), named))

    return call


@contextmanager
def _told_at(node: ast.expr) -> Iterator[None]:
    """Name the place of what goes wrong; of Python's own texts only those that show no value."""
    try:
        yield
    except TypeError as error:
        raise RuleError(f"{error}: {_src(node)}") from None
    except ZeroDivisionError:
        raise RuleError(f"Division by zero: {_src(node)}") from None
    except ValueError:
        raise RuleError(f"The value cannot be read here: {_src(node)}") from None
    except (ArithmeticError, LookupError, AttributeError, RecursionError, MemoryError) as error:
        raise RuleError(f"{type(error).__name__}: {_src(node)}") from None


def _src(node: ast.AST | None) -> str:
    text = "" if node is None else ast.unparse(node)
    return text if len(text) <= _LONGEST_SOURCE else f"{text[:_LONGEST_SOURCE]}..."


_GROUPS: dict[type, Callable[[list[Any]], Any]] = {ast.List: list, ast.Tuple: tuple, ast.Set: set}
_VISITS: dict[type, Callable[[_Evaluation, Any], Any]] = {
    ast.Constant: _Evaluation.constant,
    ast.Name: _Evaluation.name,
    ast.Attribute: _Evaluation.attribute,
    ast.Subscript: _Evaluation.subscript,
    ast.Slice: _Evaluation.slice,
    ast.Call: _Evaluation.call,
    ast.BoolOp: _Evaluation.either,
    ast.UnaryOp: _Evaluation.unary,
    ast.BinOp: _Evaluation.binary,
    ast.Compare: _Evaluation.compare,
    ast.List: _Evaluation.group,
    ast.Tuple: _Evaluation.group,
    ast.Set: _Evaluation.group,
    ast.Dict: _Evaluation.pairs,
}
_SPOKEN: dict[type, str] = {
    ast.IfExp: "'a if b else c'",
    ast.Lambda: "lambda",
    ast.JoinedStr: "f-strings",
    ast.ListComp: "comprehensions",
    ast.SetComp: "comprehensions",
    ast.DictComp: "comprehensions",
    ast.GeneratorExp: "comprehensions",
    ast.NamedExpr: "assignment",
    ast.Starred: "*",
    ast.Await: "await",
    ast.Yield: "yield",
}
