"""What settings mean: the strings below them in the source, read when somebody asks.

Pydantic would read them (`use_attribute_docstrings`) at each start of each program.
"""

import ast
import inspect
import textwrap
from functools import cache
from itertools import pairwise

from pydantic_settings import BaseSettings


@cache
def meanings(settings: type[BaseSettings]) -> dict[str, str]:
    """Return what each setting of a class means, also of those that it inherits."""
    found: dict[str, str] = {}
    for kind in reversed(settings.__mro__):
        if issubclass(kind, BaseSettings) and kind.__module__ != BaseSettings.__module__:
            found |= _strings_below(kind)
    described = {name: field.description for name, field in settings.model_fields.items()}
    return {name: (text or found.get(name, "")).strip() for name, text in described.items()}


def _strings_below(kind: type) -> dict[str, str]:
    """Return the string below each field that a class has of its own."""
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    lines = body.body if isinstance(body, ast.ClassDef) else []
    return {
        field.target.id: inspect.cleandoc(str(below.value.value))
        for field, below in pairwise(lines)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
    }
