"""JSON Schemas of parameters: which are taken, and what they have against a document. Pure.

Schemas and documents come from outside: nothing is fetched from anywhere, patterns are matched in
linear time, and neither can be made so large that checking takes long.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import jsonschema_rs

from scanhub_libraries.errors import UnprocessableError
from scanhub_libraries.models import ParameterProblem

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_MOST_PARTS: Final = 2000
_DEEPEST: Final = 100
_DETAILED: Final = 20_000
"""Parts of the schema times members of the document up to which each fault is named: naming one
takes some ten microseconds."""
_MOST_PROBLEMS: Final = 20
_PATTERN_BYTES: Final = 2**17
_ELSEWHERE: Final = frozenset(
    {"$dynamicRef", "$recursiveRef", "$dynamicAnchor", "$recursiveAnchor", "$anchor"}
)
_Json = dict[str, Any]


def check_schema(document: _Json) -> None:
    """Refuse what is no schema, or one that could hold us up.

    Raises:
        UnprocessableError: It is not taken; the text says where and why.
    """
    if document.get("$schema", DRAFT).rstrip("#") != DRAFT:
        raise _refused("$schema", f"only {DRAFT} is known here: leave it out")
    if document.get("type") != "object":
        raise _refused("type", 'must be "object": parameters are an object')
    _count(document, document, (), frozenset())
    try:
        _validator(document)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        path = ".".join(str(part) for part in getattr(error, "instance_path", ()))
        raise _refused(path, getattr(error, "message", str(error))) from None


def problems_of(schema: _Json | None, parameter: _Json) -> list[ParameterProblem]:
    """Return what a schema has against parameters, the first twenty; without one, nothing."""
    if schema is None:
        return []
    validator = _validator(schema)
    if validator.is_valid(parameter):
        return []
    if parts_of(schema) * _members(parameter) > _DETAILED:
        return [ParameterProblem(field="", problem="does not follow the schema")]
    errors = islice(validator.iter_errors(parameter), _MOST_PROBLEMS)
    return [problem for error in errors for problem in _explain(error)][:_MOST_PROBLEMS]


def properties_of(schema: _Json | None) -> _Json:
    """Return what a schema says of each parameter."""
    properties = (schema or {}).get("properties")
    return properties if isinstance(properties, dict) else {}


def read_only(schema: _Json | None) -> frozenset[str]:
    """Return the parameters that people set, and no device by itself."""
    return frozenset(
        name
        for name, about in properties_of(schema).items()
        if isinstance(about, dict) and about.get("readOnly") is True
    )


def parts_of(schema: _Json) -> int:
    """Return how many parts a schema has when each `$ref` is replaced by what it stands for."""
    return _count(schema, schema, (), frozenset())


def _validator(schema: _Json) -> jsonschema_rs.Draft202012Validator:
    patterns = jsonschema_rs.RegexOptions(size_limit=_PATTERN_BYTES, dfa_size_limit=_PATTERN_BYTES)
    return jsonschema_rs.Draft202012Validator(schema, pattern_options=patterns, offline=True)


def _count(node: Any, root: _Json, path: tuple[str, ...], above: frozenset[str]) -> int:
    """Count the parts of a schema.

    Args:
        node: Where the count is.
        root: The whole schema.
        path: How it was reached.
        above: What was referred to on the way: none of it may come again.
    """
    count = 1
    for name, part in _parts(node):
        here = (*path, name)
        if name == "$ref" and isinstance(part, str):
            if part in above:
                raise _refused(".".join(here), "goes in circles")
            count += _count(_find(root, part, here), root, here, above | {part})
        elif name in _ELSEWHERE and isinstance(part, str):
            raise _refused(".".join(here), "only `$ref` to a part of the same schema is known here")
        elif name == "$id" and isinstance(part, str) and path:
            raise _refused(".".join(here), "only the whole schema may have an `$id`")
        else:
            count += _count(part, root, here, above)
        if count > _MOST_PARTS or len(here) > _DEEPEST:
            raise _refused(
                ".".join(here[:4]),
                f"the schema has more than {_MOST_PARTS} parts, or more than {_DEEPEST} levels",
            )
    return count


def _parts(node: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        yield from node.items()
    elif isinstance(node, list):
        yield from ((str(index), part) for index, part in enumerate(node))


def _find(root: _Json, reference: str, path: tuple[str, ...]) -> Any:
    if reference != "#" and not reference.startswith("#/"):
        raise _refused(".".join(path), "only parts of the same schema are known: `#/$defs/...`")
    node: Any = root
    for part in reference.removeprefix("#").split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(node, dict) or key not in node:
            raise _refused(".".join(path), f"{reference} is not in the schema")
        node = node[key]
    return node


def _members(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + sum(_members(item) for item in value.values())
    if isinstance(value, list):
        return 1 + sum(_members(item) for item in value)
    return 1


def _explain(error: jsonschema_rs.ValidationError) -> Iterator[ParameterProblem]:
    """Name the member that is missing or too much, not only where it is."""
    path = [str(part) for part in error.instance_path]
    kind, value = error.kind.name, error.kind.value
    if kind == "required" and isinstance(value, str):
        yield ParameterProblem(field=".".join([*path, value]), problem="is missing")
    elif kind in ("additionalProperties", "unevaluatedProperties") and isinstance(value, list):
        for name in value[:_MOST_PROBLEMS]:
            field = ".".join([*path, str(name)])
            yield ParameterProblem(field=field, problem="is no parameter of this type of device")
    else:
        yield ParameterProblem(field=".".join(path), problem=error.message[:500])


def _refused(field: str, why: str) -> UnprocessableError:
    where = f"document.{field}" if field else "document"
    return UnprocessableError(f"{where}: {why}.", field=where)
