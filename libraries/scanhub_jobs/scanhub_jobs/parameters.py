"""The parameters of a job: a typed model, read from JSON, refused by name where they do not fit."""

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from scanhub_jobs.errors import JobInputError


class JobParameters(BaseModel):
    """What a job can be told; each job derives its own, and `model_json_schema()` describes it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def read(cls, path: Path | None) -> Self:
        """Read a file with a JSON object; None: all as by default.

        Raises:
            JobInputError: The file cannot be read, or a parameter is unknown or does not fit.
        """
        if path is None:
            return cls()
        try:
            values = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise JobInputError(f"The parameters in {path.name} cannot be read: {error}") from error
        return cls.of(values)

    @classmethod
    def of(cls, values: Any) -> Self:
        """Take an object of JSON.

        Raises:
            JobInputError: It is none, or a parameter is unknown or does not fit.
        """
        if not isinstance(values, dict):
            raise JobInputError("The parameters of a job are a JSON object.")
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            reasons = "; ".join(_reason(cls, found) for found in error.errors())
            raise JobInputError(reasons) from error


def _reason(model: type[JobParameters], found: Any) -> str:
    name = ".".join(str(part) for part in found["loc"])
    if found["type"] == "extra_forbidden":
        return f"There is no parameter {name}. There are: {', '.join(model.model_fields)}."
    return f"The parameter {name} does not fit: {found['msg']}."


def secrets_in(schema: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of the parameters that a JSON schema says are written and never shown."""
    properties: Mapping[str, Any] = schema.get("properties", {})
    return frozenset(name for name, about in properties.items() if _is_secret(about))


def _is_secret(about: Mapping[str, Any]) -> bool:
    choices = about.get("anyOf", ())
    return bool(about.get("writeOnly")) or any(choice.get("writeOnly") for choice in choices)


def shown(schema: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as they may be shown: of secrets, that there is one."""
    return hidden(parameters, secrets_in(schema))


def hidden(parameters: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Return parameters of which some are told to be there, and nothing else."""
    return {k: "***" if k in names and v is not None else v for k, v in parameters.items()}
