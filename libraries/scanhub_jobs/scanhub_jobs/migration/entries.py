"""Jobs and hooks of the functions of a dcm-processor service."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import model_validator

from scanhub_jobs.backend import Event
from scanhub_jobs.declaring import Job, Skip, job
from scanhub_jobs.errors import JobDefinitionError
from scanhub_jobs.hooks import SessionContext, SessionHook, on_session_end, on_session_start
from scanhub_jobs.job_context import AnyParams, JobContext
from scanhub_jobs.results import State

Entry = Callable[..., Any]


def job_of(
    worker_entry: Entry,
    *,
    name: str,
    on: Event | Iterable[Event] = Event.SERIES_STABLE,
    needs: Iterable[str] = (),
    registry_entry: Entry | None = None,
    timeout: str | float | None = None,
    params: Mapping[str, Any] | None = None,
    description: str = "",
    place: str = "",
) -> Job[AnyParams]:
    """Return a job that calls a worker entry with the keywords it knows.

    Args:
        worker_entry: Gets session_id, job_name, headers, params, added_params and the rest.
        name: jobName of the manifest.
        on: events of the manifest.
        needs: dependsOn of the manifest.
        registry_entry: registryEntry: returns whether to run, or that and parameters to add.
        timeout: timeout of the manifest; it is kept now.
        params: params of the manifest: they are given unless others are.
        description: description of the manifest.
        place: `module:name` where the job stands, so that another process finds it; none: where
            the worker entry does, which it then takes the place of.
    """

    def run(context: Any) -> Any:
        return worker_entry(**_keywords(context, context.params.model_dump()))

    module, _, attribute = place.partition(":")
    run.__module__ = module or worker_entry.__module__
    run.__qualname__ = attribute or worker_entry.__qualname__
    run.__doc__ = worker_entry.__doc__
    run.__annotations__ = {"context": JobContext[_with_defaults(params or {})]}  # type: ignore[misc]
    declare = job(name, on=on, needs=needs, timeout=timeout, description=description)
    made: Job[AnyParams] = declare(run)
    if registry_entry is not None:
        made.when(lambda _subject, given: _decision(registry_entry, given))
    return made


def _with_defaults(params: Mapping[str, Any]) -> type[AnyParams]:
    """Return parameters of any kind, of which some are there unless others are given."""

    class Params(AnyParams):
        @model_validator(mode="before")
        @classmethod
        def _complete(cls, given: Any) -> Any:
            return {**params, **given} if isinstance(given, dict) else given

    return Params


def session_hooks(
    run_pre_services: Entry | None = None, run_post_services: Entry | None = None
) -> tuple[SessionHook, SessionHook]:
    """Return hooks for the start and the end of a session, of functions that were its services.

    Give them to names of the module that the jobs are in. Each gets `session_id`, the one at the
    end `status` too. Data and files are kept as `Retention` of the jobs says, and nothing removes
    the patient's images.

    Args:
        run_pre_services: Called before the first job; none: nothing is.
        run_post_services: Called after the last one; none: nothing is.
    """

    def before(session: SessionContext) -> None:
        if run_pre_services is not None:
            run_pre_services(session_id=session.session.id)

    def after(session: SessionContext, status: State) -> None:
        if run_post_services is not None:
            run_post_services(session_id=session.session.id, status=str(status))

    before.__name__, after.__name__ = "run_pre_services", "run_post_services"
    return on_session_start(before), on_session_end(after)


def _keywords(context: JobContext[Any], params: Mapping[str, Any]) -> dict[str, Any]:
    added = dict(params)
    return {
        "session_id": context.session.id,
        "job_name": context.job.name,
        "headers": _headers(context),
        "params": dict(params),
        "added_params": {context.job.name: added},
        "event": str(context.job.event),
        "job_id": context.job.id,
        "service_id": context.job.service,
    }


def _headers(context: JobContext[Any]) -> dict[str, Any]:
    """Return what the record of a series, study or patient held, by its old names."""
    subject, sender = context.subject, context.sender
    return {
        "PatientUID": subject.patient,
        "StudyInstanceUID": subject.study_instance_uid,
        "SeriesInstanceUID": subject.series_instance_uid,
        "PeerUID": None if sender is None else sender.name,
        "Instances": [instance.sop_instance_uid for instance in context.images.instances],
    }


def _decision(registry_entry: Entry, params: AnyParams) -> bool | Skip | dict[str, Any]:
    context = JobContext.current()
    answer = registry_entry(**_keywords(context, params.model_dump()))
    wanted, added = answer if isinstance(answer, tuple) else (answer, {})
    if not isinstance(wanted, bool):
        raise JobDefinitionError(f"The registry entry returned {answer!r:.80}, no bool.")
    if not wanted:
        return Skip(reason="The registry entry said no.")
    return dict(added or {})
