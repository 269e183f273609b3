"""A DICOMweb server to send to: STOW-RS behind the same `send` as a DICOM node."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from scanhub_jobs.extras import load

if TYPE_CHECKING:
    from scanhub_jobs.network.items import Where
    from scanhub_jobs.network.report import EchoResult, SendReport


class WebPeer(BaseModel):
    """A DICOMweb server. Secrets are files, so that none stands in a document."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["dicomweb"] = "dicomweb"
    name: str
    url: str = Field(
        pattern=r"^https?://[^/]+",
        description="Where the service begins, as https://pacs.example/dicom-web",
    )
    user: str | None = Field(None, description="With `password_file`: basic authentication")
    password_file: Path | None = None
    token_file: Path | None = Field(None, description="A bearer token instead")
    ca: Path | None = Field(
        None, description="Who signs the server's certificate, PEM; none: who the system knows"
    )
    connect_timeout_s: float = Field(10.0, gt=0)
    timeout_s: float = Field(60.0, gt=0, description="How long the server may think or be silent")

    def send(
        self,
        items: Any,
        *,
        where: "Where | None" = None,
        recursive: bool = True,
        transcode: bool = False,
        retries: int = 2,
        backoff_s: float = 1.0,
    ) -> "SendReport":
        """Store instances with STOW-RS (PS3.18 section 10.5), and return what became of each.

        Args:
            items: A data set, a file, a folder, a DICOMDIR, or several of them.
            where: Only those whose header passes.
            recursive: Folders with the folders in them.
            transcode: Decompress what the server does not take compressed.
            retries: How often it is tried again where there was no answer, or no room.
            backoff_s: Before the first time [s]; each next one waits twice as long.

        Raises:
            SendError: The server was never there; its report names each instance.
        """
        report: SendReport = _storing().store_items(
            self,
            items,
            where=where,
            recursive=recursive,
            transcode=transcode,
            retries=retries,
            backoff_s=backoff_s,
        )
        return report

    def echo(self) -> "EchoResult":
        """Search for one study; nothing is raised, the result says why it failed."""
        result: EchoResult = _storing().look(self)
        return result


def _storing() -> Any:
    """Import HTTP only where something is sent."""
    return load("scanhub_jobs.network.storing", extra="web")
