"""Declare a job: a function of its context, with a name, a version and typed parameters."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, Generic, TypeVar, get_args, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scanhub_jobs.backend import Document, Event, Reads
from scanhub_jobs.durations import seconds_of
from scanhub_jobs.errors import JobDefinitionError, ParameterError
from scanhub_jobs.job_context import JobContext, NoParams
from scanhub_jobs.retention import Retention

_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?")
_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)([-+][0-9A-Za-z.+-]+)?")
_MOST_GPUS = 16
ParamsT = TypeVar("ParamsT", bound=BaseModel)


class Skip(Document):
    """A predicate's answer: the job is not wanted here, and why."""

    reason: str = Field(min_length=1)


class Decision(Document):
    """What a predicate decided."""

    wanted: bool
    reason: str = ""
    parameters: dict[str, Any] = {}


class JobManifest(BaseModel):
    """What a platform must know of a job to run it."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: str
    description: str
    entry: str = Field(description="module:function")
    events: list[Event]
    needs: list[str]
    reads: Reads = Reads.IMAGES
    timeout_s: float | None = Field(description="[s]; none: as long as it takes")
    retries: int
    gpus: int = Field(0, description="Graphics processors that it gets for itself while it runs")
    parameters: dict[str, Any] = Field(description="JSON schema of the parameters")
    retention: Retention = Retention()


Predicate = Callable[[Any, Any], "bool | Skip | Mapping[str, Any] | BaseModel"]


class Job(Generic[ParamsT]):
    """A declared job. It can be called with a context, as the function it was made of."""

    def __init__(
        self,
        function: Callable[[JobContext[ParamsT]], Any],
        manifest: JobManifest,
        params_type: type[ParamsT],
        needed: Mapping[str, "Job[Any]"],
    ) -> None:
        self._function = function
        self._predicate: Predicate | None = None
        self.manifest = manifest
        self.params_type = params_type
        self.needed = needed
        """The jobs in `needs` that were given themselves, not by name."""
        self.__doc__ = function.__doc__

    @classmethod
    def of(cls, function: Callable[[JobContext[ParamsT]], Any], name: str) -> "Job[ParamsT]":
        """Return a job without anything declared but its name."""
        return job(name)(function)

    def __call__(self, context: JobContext[ParamsT]) -> Any:
        """Call the function."""
        return self._function(context)

    def __repr__(self) -> str:
        return f"<Job {self.name} {self.manifest.version}>"

    @property
    def name(self) -> str:
        """Its name."""
        return self.manifest.name

    def when(self, predicate: Predicate) -> Predicate:
        """Decorate a function that says whether the job is wanted for a subject.

        It is given the Series, Study or Patient and the parameters, and returns True, False, a
        `Skip` with the reason, or parameters that take the place of those it was given.
        """
        self._predicate = predicate
        return predicate

    def decide(self, subject: Any, params: ParamsT) -> Decision:
        """Ask the predicate.

        Raises:
            ParameterError: It returned parameters that the job does not take.
            JobDefinitionError: It returned something else.
        """
        answer = True if self._predicate is None else self._predicate(subject, params)
        if isinstance(answer, bool):
            return Decision(wanted=answer, reason="" if answer else "The predicate said no.")
        if isinstance(answer, Skip):
            return Decision(wanted=False, reason=answer.reason)
        if isinstance(answer, BaseModel):
            answer = answer.model_dump(mode="json", exclude_unset=True)
        if isinstance(answer, Mapping):
            self.parameters({**params.model_dump(mode="json"), **answer})
            return Decision(wanted=True, parameters=dict(answer))
        raise JobDefinitionError(
            f"The predicate of {self.name!r} returned {answer!r:.80}; "
            "it returns True, False, Skip or parameters."
        )

    def parameters(self, given: Mapping[str, Any] | BaseModel | None) -> ParamsT:
        """Return the parameters as the job declares them.

        Raises:
            ParameterError: They are others; the text names each.
        """
        values = given.model_dump() if isinstance(given, BaseModel) else dict(given or {})
        try:
            return self.params_type.model_validate(values)
        except ValidationError as error:
            wrong = "; ".join(
                f"{'.'.join(str(part) for part in e['loc']) or 'parameters'}: {e['msg']}"
                for e in error.errors(include_url=False)
            )
            raise ParameterError(f"The parameters of {self.name!r} are wrong: {wrong}.") from error


def job(
    name: str,
    *,
    version: str = "1.0.0",
    on: Event | Iterable[Event] = Event.SERIES_STABLE,
    needs: "Iterable[str | Job[Any]]" = (),
    reads: Reads | str = Reads.IMAGES,
    timeout: str | float | timedelta | None = None,
    retries: int = 0,
    gpus: int = 0,
    description: str = "",
    retention: Retention | None = None,
) -> Callable[[Callable[[JobContext[ParamsT]], Any]], Job[ParamsT]]:
    """Declare a function to be a job.

    The function takes one argument, annotated as `JobContext[Params]` with a pydantic model, or as
    `JobContext` when it has no parameters.

    Args:
        name: Lower case letters, digits, dot, dash, underscore.
        version: Semantic version; it is written into the images that the job makes.
        on: The event, or events, that it runs for.
        needs: Jobs, or their names, that must have succeeded before, and whose data it reads.
        reads: "images" (DICOM), or "raw-data" (ISMRMRD): such a job is one for tasks of exams.
        timeout: "90s", "30m", "1h" or seconds; none: as long as it takes.
        retries: How often it is tried again when it failed; never when its input is at fault.
        gpus: Graphics processors that the platform gives it for itself (`CUDA_VISIBLE_DEVICES`);
            on a folder it sees all that there are.
        description: For people; none: the first line of the docstring.
        retention: How long what it leaves is kept; none: until somebody removes it.

    Raises:
        JobDefinitionError: One of them is wrong, or the function is annotated otherwise.
    """
    needed = list(needs)
    _check(name, version, retries, reads)
    if gpus not in range(_MOST_GPUS + 1):
        raise JobDefinitionError(f"gpus is from 0 to {_MOST_GPUS}.")

    def declare(function: Callable[[JobContext[ParamsT]], Any]) -> Job[ParamsT]:
        first_line = (function.__doc__ or "").strip().partition("\n")[0]
        params_type: type[ParamsT] = _params_type(function)
        manifest = JobManifest(
            name=name,
            version=version,
            description=description or first_line,
            entry=f"{function.__module__}:{function.__qualname__}",
            events=[on] if isinstance(on, Event) else list(on),
            needs=[n if isinstance(n, str) else n.name for n in needed],
            reads=Reads(reads),
            timeout_s=None if timeout is None else seconds_of(timeout, name="timeout"),
            retries=retries,
            gpus=gpus,
            parameters=params_type.model_json_schema(),
            retention=retention or Retention(),
        )
        jobs = {n.name: n for n in needed if not isinstance(n, str)}
        return Job(function, manifest, params_type, jobs)

    return declare


def _check(name: str, version: str, retries: int, reads: str) -> None:
    if not _NAME.fullmatch(name):
        raise JobDefinitionError(f"{name!r} names no job: lower case letters, digits, . - _")
    if not _VERSION.fullmatch(version):
        raise JobDefinitionError(f"{version!r} is no semantic version, such as 1.0.0.")
    if retries < 0:
        raise JobDefinitionError("retries is 0 or more.")
    if reads not in set(Reads):
        raise JobDefinitionError(f"{reads!r} is nothing that a job reads: {', '.join(Reads)}.")


def _params_type(function: Callable[..., Any]) -> Any:
    hints = {k: v for k, v in get_type_hints(function).items() if k != "return"}
    annotated = next(iter(hints.values()), JobContext)
    if len(hints) > 1 or (getattr(annotated, "__origin__", annotated) is not JobContext):
        raise JobDefinitionError(
            f"{function.__qualname__} takes one argument, a JobContext or JobContext[Params]."
        )
    params_type = next(iter(get_args(annotated)), NoParams)
    if not (isinstance(params_type, type) and issubclass(params_type, BaseModel)):
        raise JobDefinitionError(
            f"The parameters of {function.__qualname__} are no pydantic model."
        )
    return params_type
