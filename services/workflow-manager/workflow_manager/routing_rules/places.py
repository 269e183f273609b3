"""Where in the text of a rule something is wrong. Pure.

`@Keyword@` is written as `tags['Keyword']` before the text is read, so a place in what was read is
not the place in what was typed.
"""

import ast
import re
from collections.abc import Callable

OLD_TAG = re.compile(r"@([^@]*)@")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")
"""Where Python ends a line."""
Place = tuple[int, int]
"""The first letter, from 0, and the one behind the last."""


def rewritten(text: str) -> str:
    """Return the text with every `@Keyword@` as `tags['Keyword']`."""
    return OLD_TAG.sub(lambda found: _new_tag(found.group(1)), text)


def _new_tag(keyword: str) -> str:
    return f"tags[{keyword!r}]"


def place_of(node: ast.expr, text: str) -> Place:
    """Return the place of a part of the tree in the text as it was typed."""
    read = rewritten(text)
    lines = _LINE.findall(read)

    def letters(line: int, octets: int) -> int:  # ast counts octets of UTF-8
        return len(lines[line - 1].encode()[:octets].decode(errors="ignore"))

    end_line, end = node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
    return _typed(
        text,
        _offset(lines, node.lineno, letters(node.lineno, node.col_offset)),
        _offset(lines, end_line, letters(end_line, end)),
    )


def place_of_syntax_error(error: SyntaxError, text: str) -> Place | None:
    """Return the place that Python names in the text as it was typed; None: it names none."""
    if error.lineno is None or error.offset is None:
        return None
    lines = _LINE.findall(rewritten(text))
    if not 1 <= error.lineno <= len(lines):
        return None
    start = _offset(lines, error.lineno, max(0, error.offset - 1))
    end_line, end = error.end_lineno or error.lineno, error.end_offset or 0
    until = _offset(lines, min(end_line, len(lines)), max(0, end - 1))
    return _typed(text, start, max(until, start + 1))


def _offset(lines: list[str], line: int, letters: int) -> int:
    return sum(len(before) for before in lines[: line - 1]) + letters


def _typed(text: str, start: int, end: int) -> Place:
    """Return where in the text as typed a stretch of the text as read is."""
    return (
        min(len(text), _back(text, start, re.Match.start)),
        min(len(text), _back(text, end, re.Match.end)),
    )


def _back(text: str, offset: int, edge: Callable[[re.Match[str]], int]) -> int:
    longer = 0
    for found in OLD_TAG.finditer(text):
        begin = found.start() + longer
        length = len(_new_tag(found.group(1)))
        if offset <= begin:
            break
        if offset < begin + length:
            return edge(found)
        longer += length - len(found.group(0))
    return offset - longer
