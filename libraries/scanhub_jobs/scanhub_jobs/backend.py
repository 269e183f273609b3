"""What a job stands on: the Protocols of its surroundings, and the documents they speak in.

`scanhub_jobs.local` fulfils them with a folder. A platform fulfils them with its services; nothing
of a job changes between the two.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from pydantic import BaseModel, ConfigDict, Field
from pydicom.dataset import Dataset

from scanhub_jobs.network.peer import Peer
from scanhub_jobs.network.web import WebPeer

AnyPeer = Peer | WebPeer
"""A DICOM node or a DICOMweb server: both have a name, `send` and `echo`."""


class Document(BaseModel):
    """A document that is not changed once it is made."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Event(StrEnum):
    """What a job can wait for: that nothing more comes for a series, a study or a patient."""

    SERIES_STABLE = "stable-series"
    STUDY_STABLE = "stable-study"
    PATIENT_STABLE = "stable-patient"


class Reads(StrEnum):
    """What a job works on."""

    IMAGES = "images"
    """DICOM."""
    RAW_DATA = "raw-data"
    """ISMRMRD."""


class Subject(Document):
    """What a job works on: one series, one study or one patient."""

    event: Event
    patient: str = Field(description="Key of the patient within the session, no name")
    study_instance_uid: str | None = None
    series_instance_uid: str | None = None

    @property
    def key(self) -> str:
        """What tells this subject from others of the same event."""
        return self.series_instance_uid or self.study_instance_uid or self.patient

    def touches(self, other: "Subject") -> bool:
        """Say whether one is part of the other, or they are the same."""
        pairs = (
            (self.patient, other.patient),
            (self.study_instance_uid, other.study_instance_uid),
            (self.series_instance_uid, other.series_instance_uid),
        )
        return all(a is None or b is None or a == b for a, b in pairs)


class Producer(Document):
    """Who wrote data and files: a job, for a subject."""

    job: str
    subject: Subject


class JobInfo(Document):
    """The job that runs."""

    id: str
    name: str
    version: str
    service: str = Field("", description="The package that the job comes with")
    event: Event
    attempt: int = Field(1, ge=1)
    deadline: datetime | None = None


class SessionInfo(Document):
    """What groups the jobs that run for one patient's images, with their data and files."""

    id: str
    created_at: datetime


class RunInfo(Document):
    """Everything that a job is told when it starts."""

    job: JobInfo
    session: SessionInfo
    subject: Subject
    upstream: frozenset[str] = Field(frozenset(), description="Jobs whose data it may read")

    @property
    def producer(self) -> Producer:
        """Who writes what this job writes."""
        return Producer(job=self.job.name, subject=self.subject)


class FileInfo(Document):
    """An artifact, as it is stored."""

    name: str
    size: int = Field(ge=0, description="[bytes]")
    sha256: str
    content_type: str
    created_at: datetime
    meta: dict[str, Any] = {}


class Instance(Document):
    """One stored DICOM object."""

    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    series_instance_uid: str
    study_instance_uid: str
    patient: str
    location: str = Field("", description="Where the backend finds it; nobody else's business")


class DataStore(Protocol):
    """JSON values by name, each of one producer; `write` and `remove` are for the running job."""

    def names(self, producer: Producer) -> Sequence[str]:
        """Return the names of all values."""

    def read(self, producer: Producer, name: str) -> Any:
        """Return a value; DataNotFoundError if there is none."""

    def write(self, name: str, text: str) -> None:
        """Store a value, given as JSON text, in place of what was there, in one step."""

    def remove(self, name: str) -> None:
        """Remove a value; DataNotFoundError if there is none."""


class FileStore(Protocol):
    """Files by name, each of one producer; `write` and `remove` are for the running job."""

    def names(self, producer: Producer) -> Sequence[str]:
        """Return the names of all files."""

    def stat(self, producer: Producer, name: str) -> FileInfo:
        """Return what is known of a file; ArtifactNotFoundError if there is none."""

    def open(self, producer: Producer, name: str) -> BinaryIO:
        """Open a file to read; ArtifactNotFoundError if there is none."""

    def write(
        self, name: str, source: BinaryIO, *, content_type: str | None, meta: dict[str, Any]
    ) -> FileInfo:
        """Store what a stream holds from where it stands, in place of a file of that name."""

    def remove(self, name: str) -> None:
        """Remove a file; ArtifactNotFoundError if there is none."""


class ImageStore(Protocol):
    """The images of the session's patient, and those that the job makes."""

    def instances(self) -> Sequence[Instance]:
        """Return all objects of the patient, in no particular order."""

    def header(self, instance: Instance) -> Dataset:
        """Return the data set of an object without its pixels; they are not fetched."""

    def open(self, instance: Instance) -> BinaryIO:
        """Open an object as the bytes of a DICOM file, exactly as they were received."""

    def keep(self, datasets: Sequence[Dataset]) -> Sequence[str]:
        """Take images that the job made into the archive; return their SOP Instance UIDs."""


class PeerBook(Protocol):
    """The DICOM nodes that a job may send to."""

    def names(self) -> Sequence[str]:
        """Return their names."""

    def get(self, name: str) -> AnyPeer:
        """Return a node; PeerNotFoundError if there is none of that name."""

    def sender(self) -> AnyPeer | None:
        """Return the node that sent the images of this session; None: no node did."""


class Reporter(Protocol):
    """How a job is heard while it runs."""

    def progress(self, fraction: float, message: str) -> None:
        """Tell how far the job is, from 0 to 1."""

    def log(self, level: int, message: str) -> None:
        """Take a line of the job's log; levels are those of `logging`."""

    def cancelled(self) -> bool:
        """Say whether somebody wants the job to stop."""


class Backend(Protocol):
    """All of it."""

    @property
    def run(self) -> RunInfo:
        """What the job is told when it starts."""

    @property
    def data(self) -> DataStore:
        """JSON values."""

    @property
    def files(self) -> FileStore:
        """Files."""

    @property
    def images(self) -> ImageStore:
        """DICOM objects."""

    @property
    def raw_data(self) -> Sequence[Path]:
        """ISMRMRD files that a job for raw data works on."""

    @property
    def reference(self) -> Dataset | None:
        """Patient and study of what the job works on; None: its images say so themselves."""

    @property
    def peers(self) -> PeerBook:
        """DICOM nodes."""

    @property
    def reporter(self) -> Reporter:
        """Progress, log and the wish to cancel."""

    def producers(self, job: str) -> Sequence[Producer]:
        """Return for which subjects a job has run in this session."""
