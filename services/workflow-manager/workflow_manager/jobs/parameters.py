"""Parameters of jobs against their JSON Schema. Pure."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import jsonschema_rs

from scanhub_libraries.errors import UnprocessableError
from workflow_manager.jobs.definitions import JobDefinition

MISSING = "it is missing"
_MOST_PROBLEMS = 20
_PATTERN_BYTES = 2**17


def problems_of(schema: Mapping[str, Any], given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what is wrong: which parameter, such as `search_hz`, and why; the first twenty.

    Raises:
        ValueError: The schema is none.
    """
    patterns = jsonschema_rs.RegexOptions(size_limit=_PATTERN_BYTES, dfa_size_limit=_PATTERN_BYTES)
    validator = jsonschema_rs.Draft202012Validator(
        dict(schema), pattern_options=patterns, offline=True
    )
    errors = islice(validator.iter_errors(dict(given)), _MOST_PROBLEMS)
    return [found for error in errors for found in _explain(error, schema)][:_MOST_PROBLEMS]


def check_parameters(
    job: JobDefinition, given: Mapping[str, Any], *, complete: bool = True
) -> None:
    """Refuse parameters that a job does not take.

    Args:
        job: The job.
        given: Its parameters.
        complete: What is missing is wrong too; else it may come later.

    Raises:
        UnprocessableError: One does not fit; the text names each, `field` the first.
    """
    problems = [one for one in problems_of(job.parameters, given) if complete or one[1] != MISSING]
    if problems:
        text = " ".join(f"{field or 'parameter'}: {why}." for field, why in problems)
        first = problems[0][0]
        raise UnprocessableError(
            f"The job {job.id!r} does not take these parameters. {text}",
            field=f"parameter.{first}" if first else "parameter",
        )


def with_defaults(job: JobDefinition, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all parameters that a job runs with: those that are given, else its defaults."""
    properties: Mapping[str, Any] = job.parameters.get("properties", {})
    defaults = {
        name: about["default"]
        for name, about in properties.items()
        if isinstance(about, dict) and "default" in about
    }
    return {**defaults, **given}


def _explain(
    error: jsonschema_rs.ValidationError, schema: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Name the parameter that is missing or too much, not only where it is."""
    path = [str(part) for part in error.instance_path]
    kind, value = error.kind.name, error.kind.value
    if kind == "required" and isinstance(value, str):
        yield ".".join([*path, value]), MISSING
    elif kind in {"additionalProperties", "unevaluatedProperties"} and isinstance(value, list):
        known = ", ".join(schema.get("properties", {})) if not path else ""
        there_are = f"; there are: {known}" if known else ""
        for name in value[:_MOST_PROBLEMS]:
            yield ".".join([*path, str(name)]), f"there is no such parameter{there_are}"
    else:
        yield ".".join(path), error.message[:500]
