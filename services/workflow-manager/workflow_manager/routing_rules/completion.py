"""When a study is complete: which series must have arrived. Pure.

`'Axial T2' and ('Sag T1 GRE' or 'Sag T1 TSE')`: each quoted text holds as soon as it is part of the
description of any series received, in any case.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

MOST_LETTERS = 4096
LONGEST_DESCRIPTION = 64
"""Letters that a Series Description can have (LO, PS3.5 section 6.2)."""
UNKNOWN_DESCRIPTION = "#@INVALID@#"
"""What stands for a series without a description in cases of mercure. It satisfies nothing."""
_DEEPEST = 64
_TOKEN = re.compile(r"\s*(?:'(?P<text>[^']*)'|(?P<word>and|or|[()&|]))", re.IGNORECASE)
_Kind = Literal["text", "word"]


class CompletionError(Exception):
    """The expression cannot be read; the text says why."""


@dataclass(frozen=True, slots=True)
class Completion:
    """What came of an expression.

    Attributes:
        complete: Everything required has arrived. Nothing required: then the quiet time decides.
        error: Why it cannot be evaluated: it will never be complete.
    """

    complete: bool
    error: str | None = None


def is_complete(expression: str, received: Sequence[str]) -> Completion:
    """Say whether what must have arrived has arrived."""
    if not expression.strip():
        return Completion(complete=True)
    known = [text.casefold() for text in received if text != UNKNOWN_DESCRIPTION]
    try:
        return Completion(_Reader(_tokens(expression), known).read())
    except CompletionError as error:
        return Completion(complete=False, error=str(error))


def problem_with(expression: str) -> str | None:
    """Say what is wrong with an expression that somebody wants to use; None: nothing.

    More is refused than cannot be read: what could never hold, and what is read differently by
    people than by the machine.
    """
    if not expression:
        return None
    if expression != expression.strip():
        return "It begins or ends with a blank: leave it out."
    if '"' in expression:
        return "Descriptions stand in single quotes: 'Axial T2'."
    try:
        tokens = _tokens(expression)
        _Reader(tokens, []).read()
    except CompletionError as error:
        return str(error)
    for kind, value in tokens:
        problem = _problem_of_word(value) if kind == "word" else _problem_of_text(value)
        if problem:
            return problem
    return None


def _problem_of_word(word: str) -> str | None:
    if word in {"and", "or", "(", ")"}:
        return None
    meant = {"&": "and", "|": "or"}.get(word, word.lower())
    return f"Write {meant!r} instead of {word!r}."


def _problem_of_text(text: str) -> str | None:
    if not text.strip():
        return "'' is part of every description: name one."
    if text == UNKNOWN_DESCRIPTION or "\\" in text or not text.isprintable():
        return f"No description of a series can contain {text!r}."
    if len(text) > LONGEST_DESCRIPTION:
        return (
            f"'{text[:20]}...' can never hold: a description has at most "
            f"{LONGEST_DESCRIPTION} letters."
        )
    return None


def _tokens(expression: str) -> list[tuple[_Kind, str]]:
    if len(expression) > MOST_LETTERS:
        raise CompletionError(f"It has more than {MOST_LETTERS} letters.")
    tokens: list[tuple[_Kind, str]] = []
    place, end = 0, len(expression.rstrip())
    while place < end:
        found = _TOKEN.match(expression, place)
        if found is None:
            raise CompletionError(
                f"At letter {place + 1} something stands that is no description in single quotes "
                "and none of: and, or, (, )."
            )
        kind: _Kind = "word" if found["text"] is None else "text"
        tokens.append((kind, found[kind]))
        place = found.end()
    return tokens


class _Reader:
    """Reads tokens from left to right: `or` binds less than `and`, that less than `|` and `&`."""

    _LEVELS = ("or", "and", "|", "&")

    def __init__(self, tokens: list[tuple[_Kind, str]], received: list[str]) -> None:
        self._tokens, self._received = tokens, received
        self._place = self._depth = 0

    def read(self) -> bool:
        """Return what the whole expression says."""
        holds = self._operation(0)
        if self._place < len(self._tokens):
            raise CompletionError(
                f"Write 'and' or 'or' before {self._tokens[self._place][1]!r}: as it stands, the "
                "expression can never hold."
            )
        return holds

    def _operation(self, level: int) -> bool:
        if level == len(self._LEVELS):
            return self._operand()
        holds = self._operation(level + 1)
        while self._takes(self._LEVELS[level]):
            other = self._operation(level + 1)
            holds = (holds or other) if self._LEVELS[level] in {"or", "|"} else (holds and other)
        return holds

    def _operand(self) -> bool:
        if self._takes("("):
            self._depth += 1
            if self._depth > _DEEPEST:
                raise CompletionError(f"It is nested more than {_DEEPEST} levels deep.")
            holds = self._operation(0)
            self._depth -= 1
            if not self._takes(")"):
                raise CompletionError("A parenthesis is not closed.")
            return holds
        kind, value = self._tokens[self._place] if self._place < len(self._tokens) else ("", "")
        if kind != "text":
            what = f"before {value!r}" if value else "at the end"
            raise CompletionError(f"A description in single quotes is missing {what}.")
        self._place += 1
        return any(value.casefold() in text for text in self._received)

    def _takes(self, word: str) -> bool:
        if self._place < len(self._tokens):
            kind, value = self._tokens[self._place]
            if kind == "word" and value.lower() == word:
                self._place += 1
                return True
        return False
