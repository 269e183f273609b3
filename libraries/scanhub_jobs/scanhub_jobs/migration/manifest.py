"""The jobs of a `dcm-processor.json`."""

import importlib
import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from scanhub_jobs.backend import Event
from scanhub_jobs.declaring import Job
from scanhub_jobs.errors import JobDefinitionError
from scanhub_jobs.job_context import AnyParams
from scanhub_jobs.migration.entries import job_of

_NOT_OF_A_NAME = re.compile(r"[^a-z0-9._-]+")


class _JobField(BaseModel):
    """A job of a manifest, by the names that its fields have there."""

    model_config = ConfigDict(extra="ignore")

    jobName: str = Field(min_length=1)  # noqa: N815 - as it is written there
    workerEntry: str = Field(min_length=1)  # noqa: N815
    registryEntry: str = Field(min_length=1)  # noqa: N815
    events: list[Event] = Field(min_length=1)
    dependsOn: list[str] = []  # noqa: N815
    worker: str | None = None
    timeout: str | float | None = None
    params: dict[str, Any] = {}
    sortPosition: int = 1  # noqa: N815
    description: str = ""
    disabled: bool = False

    @field_validator("dependsOn", mode="before")
    @classmethod
    def _several(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value or []


class _Service(BaseModel):
    model_config = ConfigDict(extra="ignore")

    registry: str
    module: str
    jobs: list[_JobField] = Field(min_length=1)


class _Manifest(BaseModel):
    model_config = ConfigDict(extra="ignore")

    service: _Service


def jobs_of(manifest: Path | str, module: str) -> dict[str, Job[AnyParams]]:
    """Return the jobs of a service by the names that they have in a module of Python.

    A module beside the manifest that is no more than this makes them jobs like others:

        globals().update(jobs_of(Path(__file__).with_name("dcm-processor.json"), __name__))

    They stand in the order of `sortPosition`; one that is `disabled` is left out. `worker`, which
    named an environment of its own, has no meaning: jobs run where their packages are installed.

    Args:
        manifest: The file; the folders that it names are packages beside it.
        module: Name of the module that the jobs are put into.

    Raises:
        JobDefinitionError: It is no such manifest, or names what is not there.
    """
    path = Path(manifest)
    try:
        service = _Manifest.model_validate(json.loads(path.read_bytes())).service
    except (OSError, ValueError) as error:
        raise JobDefinitionError(
            f"{path.name} is no manifest of a service: {_why(error)}."
        ) from error
    if str(path.parent.absolute()) not in sys.path:
        sys.path.insert(0, str(path.parent.absolute()))
    registry, worker = (_package(name) for name in (service.registry, service.module))
    found = {}
    for one in sorted(service.jobs, key=lambda one: one.sortPosition):
        if not one.disabled:
            name = re.sub(r"\W", "_", _name(one.jobName))
            found[name] = _job(one, registry, worker, f"{module}:{name}")
    return found


def _job(one: _JobField, registry: Any, worker: Any, place: str) -> Job[AnyParams]:
    return job_of(
        _function(worker, one.workerEntry),
        name=_name(one.jobName),
        on=one.events,
        needs=map(_name, one.dependsOn),
        registry_entry=_function(registry, one.registryEntry),
        timeout=one.timeout,
        params=one.params,
        description=one.description,
        place=place,
    )


def _name(old: str) -> str:
    return _NOT_OF_A_NAME.sub("-", old.lower()).strip("._-")


def _package(folder: str) -> Any:
    name = folder.strip("./").replace("/", ".")
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise JobDefinitionError(f"The package {name!r} cannot be imported: {error}.") from error


def _function(package: Any, entry: str) -> Callable[..., Any]:
    found = package
    for part in entry.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise JobDefinitionError(f"{package.__name__} has no function {entry!r}.")
    return found  # type: ignore[no-any-return]  # of others, typed or not


def _why(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    named: list[Mapping[str, Any]] = [dict(e) for e in error.errors(include_url=False)]
    return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in named)
