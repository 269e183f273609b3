"""What a job works with: everything it may know, read, write and call."""

import copy
import json
import logging
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Self

from pydantic import BaseModel, ConfigDict
from pydicom.dataset import Dataset
from typing_extensions import TypeVar

from scanhub_jobs.artifacts import SessionFiles
from scanhub_jobs.backend import AnyPeer, Backend, Event, JobInfo, SessionInfo, Subject
from scanhub_jobs.data import SessionData
from scanhub_jobs.errors import JobCancelledError, NotInJobError, SeriesNotFoundError
from scanhub_jobs.extras import load
from scanhub_jobs.images.series import Patient, Series, Study
from scanhub_jobs.peers import Peers
from scanhub_jobs.platform.documents import TOKEN, URL
from scanhub_jobs.upstream import Upstream, find_upstream

if TYPE_CHECKING:
    from scanhub_jobs.making.dicom import DicomMaker

ENVIRONMENT = "SCANHUB_JOB_RUN"
"""Environment variable with the path of the document that describes the run."""


class NoParams(BaseModel):
    """Parameters of a job that has none."""

    model_config = ConfigDict(extra="forbid")


class AnyParams(BaseModel):
    """Parameters as they were given, where nothing says which there may be."""

    model_config = ConfigDict(extra="allow")


ParamsT = TypeVar("ParamsT", bound=BaseModel, default=NoParams)
_current: ContextVar["JobContext[Any] | None"] = ContextVar("scanhub_job", default=None)


class JobContext(Generic[ParamsT]):
    """The surroundings of a running job, the same locally and on a platform."""

    def __init__(self, backend: Backend, params: ParamsT) -> None:
        self._backend = backend
        self._params = params
        self._work: Path | None = None
        self._log = _logger(backend)
        self._made: DicomMaker | None = None
        self._kept: list[str] = []
        self._at_close: list[Callable[[], object]] = []

    # --- who am I ---------------------------------------------------------------------------------

    @property
    def backend(self) -> Backend:
        """What fulfils all this."""
        return self._backend

    @property
    def job(self) -> JobInfo:
        """The job: id, name, version, service, event, attempt and deadline."""
        return self._backend.run.job

    @property
    def session(self) -> SessionInfo:
        """The session: what groups the jobs that run for these images."""
        return self._backend.run.session

    @property
    def subject(self) -> Subject:
        """What the job works on."""
        return self._backend.run.subject

    @property
    def params(self) -> ParamsT:
        """The parameters, checked."""
        return self._params

    @params.setter
    def params(self, params: ParamsT) -> None:
        self._params = params

    # --- data and files ---------------------------------------------------------------------------

    @property
    def data(self) -> MutableMapping[str, Any]:
        """JSON values of this job: each is stored when it is set."""
        return SessionData(self._backend.data, self._backend.run.producer)

    @property
    def files(self) -> SessionFiles:
        """Files of this job."""
        return SessionFiles(self._backend.files, self._backend.run.producer)

    def upstream(
        self, job: str, *, event: Event | str | None = None, series: str | None = None
    ) -> Upstream:
        """Return data and files that another job of the session left, to read.

        Args:
            job: One that is declared in `needs`, or needed by such a one.
            event: Only what it did for this event.
            series: Only what it did for this SeriesInstanceUID.

        Raises:
            UnknownJobError: The job is not declared, or has not run for these images.
        """
        return find_upstream(self._backend, job, event, series)

    @property
    def work(self) -> Path:
        """A folder for what is not kept; it goes with the context."""
        if self._work is None:
            self._work = self.temporary_folder()
        return self._work

    def temporary_folder(self) -> Path:
        """Return a new folder that goes when the context is closed or forgotten."""
        path = tempfile.mkdtemp(prefix="scanhub-job-")
        self._at_close.append(weakref.finalize(self, shutil.rmtree, path, ignore_errors=True))
        return Path(path)

    # --- images -----------------------------------------------------------------------------------

    @property
    def patient(self) -> Patient:
        """All images of the patient in this session."""
        return Patient(self._backend.images, self._backend.images.instances())

    @property
    def study(self) -> Study:
        """The study of the event.

        Raises:
            SeriesNotFoundError: The event is one of a patient with several studies.
        """
        wanted = self.subject.study_instance_uid
        studies = [s for s in self.patient.studies if wanted in {None, s.uid}]
        if len(studies) == 1:
            return studies[0]
        raise SeriesNotFoundError(
            f"The job works on {len(studies)} studies: take one of ctx.patient.studies."
        )

    @property
    def series(self) -> Series:
        """The series of the event.

        Raises:
            SeriesNotFoundError: The event is one of a study or patient with several series.
        """
        subject, patient = self.subject, self.patient
        if subject.series_instance_uid is not None:
            return patient.find_series(subject.series_instance_uid)
        wanted = subject.study_instance_uid
        series = [s for s in patient.series if wanted in {None, s.study_uid}]
        if len(series) == 1:
            return series[0]
        raise SeriesNotFoundError(
            f"The job works on {len(series)} series: take one of ctx.study.series."
        )

    @property
    def images(self) -> Series | Study | Patient:
        """What the event is about; nothing where the job reads raw data."""
        if self.raw_data:
            return self.patient
        if self.job.event is Event.SERIES_STABLE:
            return self.series
        return self.study if self.job.event is Event.STUDY_STABLE else self.patient

    @property
    def raw_data(self) -> Sequence[Path]:
        """The ISMRMRD files of a job that reads raw data, in the order of its inputs."""
        return tuple(self._backend.raw_data)

    @property
    def reference(self) -> Dataset:
        """A data set with patient and study, to make DICOM `like` it.

        Of images it is the header of the first one. Raw data have no images: it says then whose
        exam they are of, and names nothing that something was made from.

        Raises:
            SeriesNotFoundError: There is neither.
        """
        told = self._backend.reference
        if told is not None:
            return copy.deepcopy(told)
        for instance in self._backend.images.instances():
            return self._backend.images.header(instance)
        raise SeriesNotFoundError("There are no images, and nobody said whose raw data these are.")

    @property
    def dicom(self) -> "DicomMaker":
        """Makes DICOM objects of what the job computed."""
        if self._made is None:
            maker: DicomMaker = load("scanhub_jobs.making.dicom").DicomMaker(self)
            self._made = maker
        return self._made

    def keep(self, datasets: Iterable[Dataset]) -> list[str]:
        """Hand images that the job made to the archive; return their SOP Instance UIDs.

        A platform takes them as if a scanner had sent them: rules decide where they go.
        """
        uids = list(self._backend.images.keep(list(datasets)))
        self._kept += uids
        return uids

    @property
    def kept(self) -> Sequence[str]:
        """SOP Instance UIDs of what the job handed to the archive."""
        return tuple(self._kept)

    # --- nodes ------------------------------------------------------------------------------------

    @property
    def peers(self) -> Mapping[str, AnyPeer]:
        """The DICOM nodes that this job may send to, by name."""
        return Peers(self._backend.peers)

    @property
    def sender(self) -> AnyPeer | None:
        """The node that sent the images; None: no node did."""
        return self._backend.peers.sender()

    # --- being heard ------------------------------------------------------------------------------

    @property
    def log(self) -> logging.Logger:
        """The log of this run. Names of patients do not belong there."""
        return self._log

    def progress(self, fraction: float, message: str = "") -> None:
        """Tell how far the job is.

        Args:
            fraction: From 0 to 1.
            message: What it does now.
        """
        self._backend.reporter.progress(min(1.0, max(0.0, float(fraction))), message)

    def check_cancelled(self) -> None:
        """Return if the job may go on.

        Raises:
            JobCancelledError: Somebody cancelled it, or its deadline is over.
        """
        if self._backend.reporter.cancelled():
            raise JobCancelledError("The job was cancelled.")
        deadline = self.job.deadline
        if deadline is not None and datetime.now(UTC) > deadline:
            raise JobCancelledError(f"The deadline of the job, {deadline.isoformat()}, is over.")

    # --- where a context comes from ---------------------------------------------------------------

    def on_close(self, action: Callable[..., object], *arguments: object) -> None:
        """Do something when the context is closed or forgotten."""
        self._at_close.append(weakref.finalize(self, action, *arguments))

    def close(self) -> None:
        """Remove what is not kept."""
        while self._at_close:
            self._at_close.pop()()
        self._work = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def entered(self) -> Iterator[Self]:
        """Be the context that `current` returns, and go when it is over."""
        token = _current.set(self)
        try:
            yield self
        finally:
            _current.reset(token)
            self.close()

    @staticmethod
    def current() -> "JobContext[Any]":
        """Return the context of the job that runs here.

        Raises:
            NotInJobError: None does.
        """
        context = _current.get()
        if context is not None:
            return context
        found = _context_of_variables()
        _current.set(found)
        return found

    @classmethod
    def local(cls, folder: Path | str, **options: Any) -> "JobContext[Any]":
        """Return a context over a folder of DICOM files; options are those of `local_context`."""
        context: JobContext[Any] = load("scanhub_jobs.local.opening").local_context(
            folder, **options
        )
        return context


def _context_of_variables() -> JobContext[Any]:
    """Return the context that the variables of this process lead to."""
    found: JobContext[Any]
    url, token = os.environ.get(URL), os.environ.get(TOKEN)
    if url and token:
        found = load("scanhub_jobs.platform.opening").platform_context(url, token)
        return found
    path = os.environ.get(ENVIRONMENT)
    if not path:
        raise NotInJobError(
            f"No job runs here: neither {URL} nor {ENVIRONMENT} is set. "
            "Use JobContext.local to try one."
        )
    try:
        document = json.loads(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise NotInJobError(f"{ENVIRONMENT} names no document of a run: {error}") from error
    found = load("scanhub_jobs.local.opening").open_run(document)
    return found


class _ToReporter(logging.Handler):
    """Hands the lines of a log to whoever listens to the job."""

    def __init__(self, backend: Backend) -> None:
        super().__init__()
        self._backend = backend

    def emit(self, record: logging.LogRecord) -> None:
        self._backend.reporter.log(record.levelno, self.format(record))


def _logger(backend: Backend) -> logging.Logger:
    logger = logging.Logger(  # noqa: LOG001 - of this run alone, not of the process
        f"scanhub_jobs.run.{backend.run.job.name}", logging.DEBUG
    )
    logger.addHandler(_ToReporter(backend))
    return logger
