"""What an expression may cost: steps, and the size of every value. Pure.

A thread cannot be ended, so nothing is waited for: each operation pays before it runs, for what it
can cost at most, and an expression that has nothing left ends. No clock is asked, so the same
expression on the same tags ends the same way on every machine.
"""

import ast
from collections.abc import Collection
from typing import Any

MOST_LETTERS = 4096
"""Of an expression."""
MOST_NODES = 2000
DEEPEST = 64
MOST_STEPS = 40_000
"""Of one evaluation: about 20 ms at the most costly."""
MOST_TEXT = 16_384
MOST_ITEMS = 16_384
MOST_KEYS = 512
"""Of a set or dict: numbers can be chosen so that all fall into one place, and then each is
compared with each."""
MOST_BITS = 4096
_LETTERS_PER_STEP = 16
_COMPARED_PER_STEP = 1024


class RuleError(Exception):
    """An expression cannot be evaluated. The text says why and holds no value of a tag."""

    at: ast.expr | SyntaxError | None = None
    """The innermost part that it is about, or what Python says of the text."""


class TooCostlyError(RuleError):
    """An expression takes more than it may."""


class Stream:
    """What `map`, `filter`, `zip`, `enumerate` and `reversed` give: items, always true."""

    __slots__ = ("items",)

    def __init__(self, items: Collection[Any]) -> None:
        self.items = list(items)


class Budget:
    """What is left of the steps."""

    def __init__(self, steps: int = MOST_STEPS) -> None:
        self.left = steps

    def pay(self, steps: int) -> None:
        """Take steps.

        Raises:
            TooCostlyError: There are not so many left.
        """
        self.left -= steps
        if self.left < 0:
            raise TooCostlyError("The expression takes too long: it was ended.")

    def pay_for(self, value: Any) -> None:
        """Pay for walking through a value once, however its parts are shared."""
        waiting = [value]
        while waiting:
            item = waiting.pop()
            if isinstance(item, str):
                self.pay(1 + len(item) // _LETTERS_PER_STEP)
            elif isinstance(item, Stream):
                self.pay(1 + len(item.items))
                waiting.extend(item.items)
            elif isinstance(item, dict):
                self.pay(1 + 2 * len(item))
                waiting.extend(item)
                waiting.extend(item.values())
            elif isinstance(item, list | tuple | set | frozenset):
                self.pay(1 + len(item))
                waiting.extend(item)

    def pay_for_search(self, text: str, part: str) -> None:
        """Pay for looking for a text in another: at worst each letter is compared with each."""
        self.pay(1 + len(text) * len(part) // _COMPARED_PER_STEP)


def check_text(letters: int) -> None:
    """Refuse a text before it is made."""
    if letters > MOST_TEXT:
        raise TooCostlyError(f"A text would have more than {MOST_TEXT} letters.")


def check_items(count: int) -> None:
    """Refuse a list before it is made."""
    if count > MOST_ITEMS:
        raise TooCostlyError(f"A list would have more than {MOST_ITEMS} items.")


def check_keys(count: int) -> None:
    """Refuse a set or a dict before it is made."""
    if count > MOST_KEYS:
        raise TooCostlyError(f"A set or dict would have more than {MOST_KEYS} members.")


def check_bits(bits: float) -> None:
    """Refuse a whole number before it is made."""
    if bits > MOST_BITS:
        raise TooCostlyError(f"A number would have more than {MOST_BITS} bits.")


def checked(value: Any) -> Any:
    """Return a value that is not too large.

    Raises:
        TooCostlyError: It is.
    """
    if isinstance(value, str):
        check_text(len(value))
    elif isinstance(value, list | tuple):
        check_items(len(value))
    elif isinstance(value, Stream):
        check_items(len(value.items))
    elif isinstance(value, set | frozenset | dict):
        check_keys(len(value))
    elif isinstance(value, int):
        check_bits(value.bit_length())
    return value
