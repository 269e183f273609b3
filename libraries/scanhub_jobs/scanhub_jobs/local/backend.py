"""The local backend: a folder of DICOM files in, a folder of results out."""

import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Discriminator, Tag, ValidationError
from pydicom.dataset import Dataset

from scanhub_jobs.backend import AnyPeer, Document, Instance, Producer, Reporter, RunInfo
from scanhub_jobs.errors import JobInputError, PeerNotFoundError
from scanhub_jobs.local.folder import FolderImages
from scanhub_jobs.local.stores import FolderData, FolderFiles, find_producers, note_producer
from scanhub_jobs.making.files import save_dicom
from scanhub_jobs.network.peer import Peer
from scanhub_jobs.network.web import WebPeer
from scanhub_jobs.said import say


def _kind(value: Any) -> str:
    """Tell a DICOMweb server by its URL."""
    web = isinstance(value, WebPeer) or (isinstance(value, Mapping) and "url" in value)
    return "dicomweb" if web else "dicom"


_AnyPeer = Annotated[
    Annotated[Peer, Tag("dicom")] | Annotated[WebPeer, Tag("dicomweb")], Discriminator(_kind)
]


class LocalPeers(Document):
    """A PeerBook of what was given."""

    peers: dict[str, _AnyPeer] = {}
    sent_by: str | None = None

    def names(self) -> Sequence[str]:
        """Return their names."""
        return sorted(self.peers)

    def get(self, name: str) -> AnyPeer:
        """Return a node."""
        try:
            return self.peers[name]
        except KeyError:
            known = ", ".join(self.names()) or "none"
            raise PeerNotFoundError(f"There is no peer {name!r}; there are: {known}.") from None

    def sender(self) -> AnyPeer | None:
        """Return the node that sent the images, where it was said."""
        return None if self.sent_by is None else self.get(self.sent_by)


def peers_of(given: Mapping[str, Any] | None, sender: str | None = None) -> LocalPeers:
    """Return the peers of a document: names to what `Peer` has, or `WebPeer`.

    Raises:
        JobInputError: One of them is wrong; the text says which.
    """
    named = {
        name: peer if isinstance(peer, Peer | WebPeer) else {"name": name, **peer}
        for name, peer in (given or {}).items()
    }
    try:
        return LocalPeers.model_validate({"peers": named, "sent_by": sender})
    except ValidationError as error:
        wrong = "; ".join(
            f"{_place(e['loc'])}: {e['msg']}" for e in error.errors(include_url=False)
        )
        raise JobInputError(f"The peers are wrong: {wrong}.") from error


def _place(location: tuple[int | str, ...]) -> str:
    """Return where something is wrong, without what pydantic calls the kinds of peers."""
    _, *parts = location
    return ".".join(str(part) for number, part in enumerate(parts) if number != 1)


class InMemory:
    """A Reporter that keeps what it hears, for tests and for a look at one's own job."""

    def __init__(self) -> None:
        self.told: list[tuple[float, str]] = []
        """Progress, as it was told."""
        self.lines: list[tuple[int, str]] = []
        """The log: level and text."""
        self.wanted_to_stop = False
        """Set it to cancel the job."""

    def progress(self, fraction: float, message: str) -> None:
        """Keep it."""
        self.told.append((fraction, message))

    def log(self, level: int, message: str) -> None:
        """Keep it."""
        self.lines.append((level, message))

    def cancelled(self) -> bool:
        """Say whether somebody set `wanted_to_stop`."""
        return self.wanted_to_stop


class JsonLines:
    """A Reporter that writes JSON lines, and is told to stop by a file that appears."""

    def __init__(self, stop_file: Path) -> None:
        self._stop_file = stop_file

    def progress(self, fraction: float, message: str) -> None:
        """Write it."""
        say(event="progress", percent=round(100 * fraction), message=message)

    def log(self, level: int, message: str) -> None:
        """Write it, and warnings to the standard error output too."""
        say(event="log", level=logging.getLevelName(level), message=message)
        if level >= logging.WARNING:
            sys.stderr.write(f"{message}\n")

    def cancelled(self) -> bool:
        """Say whether the file is there."""
        return self._stop_file.exists()


class LocalBackend:
    """A Backend over folders."""

    def __init__(
        self,
        run: RunInfo,
        instances: Sequence[Instance],
        out: Path,
        *,
        peers: LocalPeers,
        reporter: Reporter,
        raw_data: Sequence[Path] = (),
        reference: Dataset | None = None,
    ) -> None:
        self.run = run
        self.out = out
        self.folder = note_producer(out, run.producer)
        """Where what this job writes is."""
        self.data = FolderData(out, run.producer)
        self.files = FolderFiles(out, run.producer)
        own = [i for i in instances if i.patient == run.subject.patient]
        self.images = FolderImages(own, self.folder / "dicom", save_dicom)
        self.peers = peers
        self.reporter = reporter
        self.raw_data = raw_data
        self.reference = reference

    def producers(self, job: str) -> Sequence[Producer]:
        """Return for which subjects a job has run."""
        return find_producers(self.out, job)
