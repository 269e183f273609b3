"""What other jobs of the session left: read, never changed."""

from collections.abc import Iterator, Sequence
from typing import NoReturn

from scanhub_jobs.artifacts import FilesView
from scanhub_jobs.backend import Backend, Event, Producer, Subject
from scanhub_jobs.data import DataView
from scanhub_jobs.errors import AmbiguousUpstreamError, ReadOnlyError, UnknownJobError


class _ReadOnlyData(DataView):
    def __setitem__(self, name: str, value: object) -> NoReturn:
        raise ReadOnlyError(f"{name!r} belongs to another job; use the data of this one.")

    def __delitem__(self, name: str) -> NoReturn:
        raise ReadOnlyError(f"{name!r} belongs to another job; it stays.")


class _ReadOnlyFiles(FilesView):
    def put(self, name: str, *_: object, **__: object) -> NoReturn:
        raise ReadOnlyError(f"{name!r} belongs to another job; use the files of this one.")

    def __delitem__(self, name: str) -> NoReturn:
        raise ReadOnlyError(f"{name!r} belongs to another job; it stays.")


class Upstream:
    """Data and files of another job; of each of its runs, when one iterates."""

    def __init__(self, backend: Backend, job: str, producers: Sequence[Producer]) -> None:
        self._backend = backend
        self._job = job
        self._producers = producers

    def __iter__(self) -> Iterator["Upstream"]:
        return (Upstream(self._backend, self._job, [producer]) for producer in self._producers)

    def __len__(self) -> int:
        return len(self._producers)

    @property
    def subject(self) -> Subject:
        """What the other job worked on."""
        return self._only().subject

    @property
    def data(self) -> DataView:
        """Its session data."""
        return _ReadOnlyData(self._backend.data, self._only())

    @property
    def files(self) -> FilesView:
        """Its files."""
        return _ReadOnlyFiles(self._backend.files, self._only())

    def _only(self) -> Producer:
        if len(self._producers) == 1:
            return self._producers[0]
        ran = ", ".join(f"{p.subject.event} {p.subject.key}" for p in self._producers)
        raise AmbiguousUpstreamError(
            f"{self._job!r} ran {len(self._producers)} times ({ran}): "
            "say which by event or series, or iterate over all."
        )


def find_upstream(
    backend: Backend, job: str, event: Event | str | None, series: str | None
) -> Upstream:
    """Return what a job left for the subject of the running one, or for parts of it.

    Args:
        backend: Of the running job.
        job: Name of the other.
        event: Only what it did for this event.
        series: Only what it did for this SeriesInstanceUID.

    Raises:
        UnknownJobError: The job is not declared in `needs`, or has not run for it.
    """
    run = backend.run
    if job not in run.upstream:
        raise UnknownJobError(f"{run.job.name!r} does not declare {job!r}: put it into its needs.")
    found = [
        producer
        for producer in backend.producers(job)
        if producer.subject.touches(run.subject)
        and (event is None or producer.subject.event == event)
        and (series is None or producer.subject.series_instance_uid == series)
    ]
    if not found:
        raise UnknownJobError(f"{job!r} has not run for what {run.job.name!r} works on.")
    return Upstream(backend, job, found)
