"""How errors stand in the log: where it happened and what it was, but nobody's name.

Some errors carry in their text the very values that they are about: those of pydantic and FastAPI
what was to be validated, those of PostgreSQL's driver what was to be stored. Of these the log has
the fields, the kind of error and the statement.
"""

import traceback
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, TextIO

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]
_MOST = 10
"""So many errors of a chain or a group are told."""
_NEW_LINE = "\n  | "
_CONTROL = {
    code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"
} | {0x2028: "\\u2028", 0x2029: "\\u2029"}


def printable(text: str) -> str:
    """Return a text that cannot pass itself off as other lines, nor move the cursor."""
    return text.translate(_CONTROL).replace("\n", _NEW_LINE)


def format_error(exc_info: ExcInfo) -> str:
    """Return the traceback of an error and of those that led to it, oldest first."""
    parts = list(_chain(exc_info[1]))[:_MOST]
    return "\n".join(_format(error, link) for error, link in reversed(parts))


def print_error(stream: TextIO, exc_info: ExcInfo) -> None:
    """Write an error below its line of the log."""
    stream.write("\n" + format_error(exc_info))


def _chain(error: BaseException | None) -> Iterator[tuple[BaseException, str]]:
    """Yield an error and what led to it, each with what joins it to the one before it."""
    link, seen = "", set[int]()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error, link
        if error.__cause__ is not None:
            error, link = error.__cause__, "It is the cause of:"
        elif error.__suppress_context__:
            return
        else:
            error, link = error.__context__, "While it was handled, there was:"


def _format(error: BaseException, link: str) -> str:
    frames = "".join(traceback.format_tb(error.__traceback__))
    kind = type(error)
    told = f"{kind.__module__}.{kind.__qualname__}: {printable(_message(error))}"
    group = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    members = [_format(member, "") for member in group[:_MOST]]
    return "\n".join([f"Traceback (most recent call last):\n{frames}{told}", *members, link])


def _message(error: BaseException) -> str:
    fields = _fields(error)
    if fields is not None:
        return "; ".join(fields)
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    original = getattr(error, "orig", None)
    if kind.startswith("asyncpg.") or _is_of_postgresql(original):
        state = getattr(original or error, "sqlstate", None)
        return f"{type(original or error).__name__} {state}: {getattr(error, 'statement', None)}"
    return str(error)


def _is_of_postgresql(error: object) -> bool:
    return error is not None and "asyncpg" in type(error).__module__


def _fields(error: BaseException) -> list[str] | None:
    """Return the fields of a validation error and what is wrong with each; None: it is none."""
    errors: Any = getattr(error, "errors", None)
    try:
        found: Iterable[Any] = errors() if callable(errors) else ()
        told = [f"{'.'.join(map(str, item['loc']))}: {item.get('type')}" for item in found]
    except (TypeError, KeyError, AttributeError):
        return None
    return told or None
