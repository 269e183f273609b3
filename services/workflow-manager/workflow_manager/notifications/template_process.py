"""Renders a template in a process of its own: what it uses up is not ours.

Jinja's sandbox keeps a template from our objects, not from counting to a billion. Reads one JSON
document and writes one; nothing of ours is imported, so that it starts quickly.
"""

import json
import resource
import sys
from typing import Any

from jinja2 import TemplateError
from jinja2.sandbox import SandboxedEnvironment
from markupsafe import Markup

LARGEST_TEXT = 64 * 1024
CPU_SECONDS = 2
MEMORY_BYTES = 512 * 2**20


class TooLargeError(Exception):
    """A text has no end."""


def in_json(value: Any) -> Any:
    """Write a value so that it can stand between the quotes of a JSON string."""
    if isinstance(value, Markup):  # the filter `tojson` made it
        return value
    return json.dumps(str(value), ensure_ascii=False)[1:-1]


def render(template: str, variables: dict[str, Any], kind: str) -> str:
    """Render a template.

    Args:
        template: Its text.
        variables: What it may know.
        kind: `json`: values stand in JSON strings; `html`: they are escaped; `plain`: as they are.

    Raises:
        TooLargeError: What comes of it has no end.
    """
    environment = SandboxedEnvironment(autoescape=kind == "html", keep_trailing_newline=True)
    if kind == "json":
        environment.finalize = in_json
    parts: list[str] = []
    size = 0
    for part in environment.from_string(template).generate(variables):
        size += len(part)
        if size > LARGEST_TEXT:
            raise TooLargeError
        parts.append(part)
    return "".join(parts)


def answer(asked: dict[str, Any]) -> dict[str, str]:
    """Return the texts that were asked for, or why there are none.

    `body` is rendered first: the payload may hold it.
    """
    variables: dict[str, Any] = dict(asked["variables"])
    texts: dict[str, str] = {}
    for name, kind in (("body", asked["body_kind"]), ("payload", "json")):
        try:
            texts[name] = variables[name] = render(asked[name], variables, kind)
        except TooLargeError:
            return {"error": f"The {name} has more than {LARGEST_TEXT} characters."}
        except (TemplateError, ArithmeticError, TypeError, ValueError, AttributeError) as error:
            line = getattr(error, "lineno", None)
            place = f", line {line}" if line else ""
            return {"error": f"The {name}{place}: {type(error).__name__}: {str(error)[:200]}"}
    return texts


def main() -> None:
    """Read, render, write."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    try:
        written = json.dumps(answer(json.load(sys.stdin)))
    except (MemoryError, RecursionError):
        written = json.dumps({"error": "The template takes too much memory."})
    sys.stdout.write(written)


if __name__ == "__main__":
    main()
