"""A DICOM node to send to."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from scanhub_jobs.extras import load

if TYPE_CHECKING:
    from scanhub_jobs.network.items import Where
    from scanhub_jobs.network.report import EchoResult, SendReport

_AE_TITLE = re.compile(r"[\x20-\x5b\x5d-\x7e]{1,16}")


def _ae_title(value: str) -> str:
    value = value.strip()
    if not _AE_TITLE.fullmatch(value):
        raise ValueError("an AE title has 1 to 16 printable ASCII characters, no backslash")
    return value


AeTitle = Annotated[str, AfterValidator(_ae_title)]


class PeerTls(BaseModel):
    """How TLS is spoken with a node: version 1.2 or later (PS3.15 annex B). Paths, no secrets."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ca: Path | None = Field(
        None, description="Who signs the node's certificate, PEM; none: who the system knows"
    )
    certificate: Path | None = Field(None, description="What we show, PEM; none: nothing")
    key: Path | None = Field(None, description="Its key, PEM; none: it is in `certificate`")
    verify_host: bool = Field(True, description="The certificate must name the node's host")


class Peer(BaseModel):
    """A remote application entity, and what we call ourselves when we call it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    host: str = Field(min_length=1)
    port: int = Field(ge=1, le=65535)
    ae_title: AeTitle = Field(description="Called AE title: the node's")
    calling_ae_title: AeTitle = Field("SCANHUB-JOBS", description="Ours")
    tls: PeerTls | None = None
    connect_timeout_s: float = Field(10.0, gt=0)
    timeout_s: float = Field(30.0, gt=0, description="How long the node may think about an answer")
    commit_port: int | None = Field(
        None,
        ge=1,
        le=65535,
        description="Where we listen for reports of storage commitment, while one is waited for: "
        "some nodes call back instead of reporting over the association of the question",
    )
    commit_host: str = Field("", description="Address to listen at; empty: all of this machine")

    def send(
        self,
        items: Any,
        *,
        where: "Where | None" = None,
        recursive: bool = True,
        transcode: bool = False,
        retries: int = 2,
        backoff_s: float = 1.0,
        commit: bool = False,
        commit_wait_s: float = 30.0,
    ) -> "SendReport":
        """Send instances with C-STORE, and return what became of each.

        What is offered follows from the data: any SOP class, each in its own encoding, and what is
        not compressed in the other native ones too. One that fails does not keep the others.

        Args:
            items: A data set, a file, a folder, a DICOMDIR, or several of them.
            where: Only those whose header passes.
            recursive: Folders with the folders in them.
            transcode: Decompress for a node that takes native encodings only.
            retries: How often it is tried again where there was no answer, or no room.
            backoff_s: Before the first time [s]; each next one waits twice as long.
            commit: Ask the node whether it keeps what it has got (storage commitment, PS3.4 annex
                J); `committed` of each instance says what it promised.
            commit_wait_s: How long its report is waited for [s].

        Raises:
            SendError: There was no association at all; its report names each instance.
        """
        report: SendReport = _sending().send_items(
            self,
            items,
            where=where,
            recursive=recursive,
            transcode=transcode,
            retries=retries,
            backoff_s=backoff_s,
            commit_wait_s=commit_wait_s if commit else None,
        )
        return report

    def echo(self) -> "EchoResult":
        """Test the connection with C-ECHO; nothing is raised, the result says why it failed."""
        result: EchoResult = _sending().echo_peer(self)
        return result


def _sending() -> Any:
    """Import the network only where something is sent."""
    return load("scanhub_jobs.network.sending")
