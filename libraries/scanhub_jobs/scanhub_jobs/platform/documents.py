"""What a job and the platform tell one another, beside the documents of `scanhub_jobs.backend`."""

from enum import StrEnum
from typing import Any

from pydantic import Field

from scanhub_jobs.backend import Document, RunInfo

URL, TOKEN = "SCANHUB_JOB_URL", "SCANHUB_JOB_TOKEN"
"""Environment variables: where the platform listens to this job, and what opens it for this run."""
TOKEN_PREFIX = "shj_"  # noqa: S105 - how each begins
GRACE_S = 5.0
"""How long a job may go on after it was told to stop [s]."""


class Briefing(Document):
    """Everything that a process must know to run a job of the platform."""

    run: RunInfo
    entry: str = Field(description="The job, as module:function")
    parameters: dict[str, Any] = Field({}, description="As the module and the rule give them")


class EndState(StrEnum):
    """How a job says that it ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class Failure(Document):
    """Why a job failed."""

    kind: str = Field(max_length=200, description="Class of the error, exit code or signal")
    message: str = Field(max_length=20_000)
    traceback: str = Field("", max_length=200_000)
    input_at_fault: bool = Field(False, description="Trying again on the same input is no use")


class Report(Document):
    """How a job ended, in its own words."""

    state: EndState
    reason: str = Field("", max_length=20_000, description="Why it was skipped or cancelled")
    failure: Failure | None = None
    returned: Any = Field(None, description="What the function returned, JSON")
    parameters: dict[str, Any] = Field({}, description="With which it ran")


class Told(Document):
    """How far a job is."""

    fraction: float = Field(ge=0, le=1)
    message: str = Field("", max_length=2000)


class Stopping(Document):
    """Whether somebody wants a job to stop."""

    cancelled: bool


class StoredBytes(Document):
    """Bytes that came whole, and are no file yet."""

    size: int = Field(ge=0, description="[bytes]")
    sha256: str


class FileToStore(Document):
    """A file to make of bytes that came before."""

    upload: str = Field(pattern=r"^[0-9a-f]{32}$", description="Under which they came")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Of what was sent")
    content_type: str = Field(max_length=200)
    meta: dict[str, Any] = {}


class PeerSettings(Document):
    """A DICOM node that a job may send to; no key is in it."""

    name: str
    host: str
    port: int
    ae_title: str
    calling_ae_title: str
    tls: bool = False
    ca: str = Field("", description="Whom its certificate must be from, PEM; empty: who is known")
    verify_host: bool = True
    keyless: bool = Field(
        True, description="False: it asks for our certificate, whose key stays with the platform"
    )


class PeerList(Document):
    """The DICOM nodes that a job may send to."""

    names: list[str]
    sender: str | None = Field(None, description="The one that sent the images")
