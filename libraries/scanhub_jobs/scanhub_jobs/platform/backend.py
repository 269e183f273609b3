"""The platform as a Backend."""

import logging
import sys
import tempfile
import time
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import pydicom
from pydantic import TypeAdapter
from pydicom.dataset import Dataset

from scanhub_jobs.backend import Instance, Producer, RunInfo
from scanhub_jobs.errors import PeerKeyError, PeerNotFoundError
from scanhub_jobs.making.files import dicom_bytes
from scanhub_jobs.network.peer import Peer, PeerTls
from scanhub_jobs.platform.calls import Platform
from scanhub_jobs.platform.documents import (
    Briefing,
    PeerList,
    PeerSettings,
    Stopping,
    Told,
)
from scanhub_jobs.platform.stores import PlatformData, PlatformFiles, download, send

_INSTANCES = TypeAdapter(list[Instance])
_PRODUCERS = TypeAdapter(list[Producer])
_ASK_AGAIN_S = 0.5


class PlatformImages:
    """An ImageStore over HTTP."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def instances(self) -> Sequence[Instance]:
        """Return all objects of the patient in this session."""
        return _INSTANCES.validate_python(self._platform.json("GET", "instances"))

    def header(self, instance: Instance) -> Dataset:
        """Return the data set without its pixels, which stay where they are."""
        answer = self._platform.call("GET", f"instances/{instance.sop_instance_uid}/header")
        return pydicom.dcmread(BytesIO(answer.content), stop_before_pixels=True)

    def open(self, instance: Instance) -> BinaryIO:
        """Return a copy of the file as it was received; all of it is here."""
        path = f"instances/{instance.sop_instance_uid}/file"
        return download(self._platform, path)

    def keep(self, datasets: Sequence[Dataset]) -> Sequence[str]:
        """Hand images over; one that comes again takes the place of the one before."""
        uids = []
        for dataset in datasets:
            uid = str(dataset.SOPInstanceUID)
            send(self._platform, f"images/{uid}", BytesIO(dicom_bytes(dataset)))
            uids.append(uid)
        return uids


class PlatformPeers:
    """A PeerBook over HTTP: without keys."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def _list(self) -> PeerList:
        return PeerList.model_validate(self._platform.json("GET", "peers"))

    def names(self) -> Sequence[str]:
        """Return the nodes that this job may send to."""
        return self._list().names

    def get(self, name: str) -> Peer:
        """Return a node.

        Raises:
            PeerNotFoundError: There is none, or this job may not send to it.
            PeerKeyError: It asks for a certificate whose key stays with the platform.
        """
        known = self.names()
        if name not in known:
            listed = ", ".join(known) or "none"
            raise PeerNotFoundError(
                f"There is no peer {name!r} for this job; there are: {listed}. "
                "The module names the targets that its job may send to."
            )
        settings = PeerSettings.model_validate(self._platform.json("GET", f"peers/{name}"))
        if not settings.keyless:
            raise PeerKeyError(
                f"The peer {name!r} asks for a certificate, whose key stays with the platform: "
                "keep the images and let the rule send them there."
            )
        return Peer(
            name=name,
            host=settings.host,
            port=settings.port,
            ae_title=settings.ae_title,
            calling_ae_title=settings.calling_ae_title,
            tls=self._tls(settings),
        )

    def _tls(self, settings: PeerSettings) -> PeerTls | None:
        if not settings.tls:
            return None
        if not settings.ca:
            return PeerTls(verify_host=settings.verify_host)
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="scanhub-job-")
        place = Path(self._folder.name) / f"{settings.name}.pem"
        place.write_text(settings.ca)
        return PeerTls(ca=place, verify_host=settings.verify_host)

    def close(self) -> None:
        """Remove the certificates that were written down."""
        if self._folder is not None:
            self._folder.cleanup()

    def sender(self) -> Peer | None:
        """Return the node that sent the images, if this job may send to it."""
        found = self._list().sender
        return None if found is None else self.get(found)


class PlatformReporter:
    """A Reporter: progress over HTTP, the log on standard output, where the platform reads it."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._told = ""
        self._asked_at = -_ASK_AGAIN_S
        self._cancelled = False

    def progress(self, fraction: float, message: str) -> None:
        """Tell it, unless it is the same, in whole percents, as before."""
        told = f"{fraction:.2f} {message}"
        if told == self._told:
            return
        self._told = told
        document = Told(fraction=fraction, message=message[:2000])
        self._platform.call("PUT", "progress", json=document.model_dump())

    def log(self, level: int, message: str) -> None:
        """Write a line."""
        sys.stdout.write(f"{logging.getLevelName(level)} {message}\n")
        sys.stdout.flush()

    def cancelled(self) -> bool:
        """Say whether somebody wants the job to stop; asked twice a second at most."""
        if not self._cancelled and time.monotonic() - self._asked_at >= _ASK_AGAIN_S:
            found = self._platform.json("GET", "cancelled")
            self._cancelled = Stopping.model_validate(found).cancelled
            self._asked_at = time.monotonic()
        return self._cancelled


class PlatformBackend:
    """A Backend over HTTP.

    Args:
        platform: The calls.
        briefing: What the job was told; None: it is asked for.
    """

    def __init__(self, platform: Platform, briefing: Briefing | None = None) -> None:
        self.platform = platform
        self.briefing = briefing or Briefing.model_validate(platform.json("GET", "run"))
        self.data = PlatformData(platform)
        self.files = PlatformFiles(platform)
        self.images = PlatformImages(platform)
        self.peers = PlatformPeers(platform)
        self.reporter = PlatformReporter(platform)
        self.raw_data: Sequence[Path] = ()
        self.reference: Dataset | None = None

    def close(self) -> None:
        """End the connections, and remove what was written down."""
        self.peers.close()
        self.platform.close()

    @property
    def run(self) -> RunInfo:
        """What the job is told when it starts."""
        return self.briefing.run

    def producers(self, job: str) -> Sequence[Producer]:
        """Return for which subjects a job has run in this session."""
        found = self.platform.json("GET", "producers", params={"job": job})
        return _PRODUCERS.validate_python(found)


def open_platform(url: str, token: str) -> PlatformBackend:
    """Return the backend of the run that a token is for.

    Raises:
        NotInJobError: The run has ended.
        PlatformError: The platform does not answer.
    """
    return PlatformBackend(Platform(url, token))
