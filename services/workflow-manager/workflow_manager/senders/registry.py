"""Which sender a target has. Made anew for each attempt, so that a changed setting is heeded."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field

from scanhub_libraries.models.target import (
    DicomTarget,
    DicomTlsTarget,
    DicomWebTarget,
    FolderTarget,
    RsyncTarget,
    S3Target,
    SftpTarget,
    TargetDocument,
    XnatTarget,
)
from workflow_manager.senders.dicom import DicomSender
from workflow_manager.senders.dicomweb import DicomWebSender
from workflow_manager.senders.dummy import DummySender
from workflow_manager.senders.folder import FolderSender
from workflow_manager.senders.port import Pace, Sender
from workflow_manager.senders.transcoder import Transcoding


def rsync_sender(target: RsyncTarget, pace: Pace, **times: float) -> Sender:
    """Return the sender of an rsync target: to a daemon, if a module is given, or over SSH."""
    if target.module:
        from workflow_manager.senders.rsync_daemon import RsyncDaemonSender

        return RsyncDaemonSender(target, pace, **times)
    from workflow_manager.senders.rsync import RsyncSender

    return RsyncSender(target, pace, **times)


def _sftp_sender(target: SftpTarget, pace: Pace, **times: float) -> Sender:
    from workflow_manager.senders.sftp import SftpSender

    return SftpSender(target, pace, **times)


def _s3_sender(target: S3Target, pace: Pace, **times: float) -> Sender:
    from workflow_manager.senders.s3 import S3Sender

    return S3Sender(target, pace, **times)


def _xnat_sender(target: XnatTarget, pace: Pace, **times: float) -> Sender:
    from workflow_manager.senders.xnat import XnatSender

    return XnatSender(target, pace, **times)


_MAKERS: dict[type[TargetDocument], Callable[..., Sender]] = {
    SftpTarget: _sftp_sender,
    RsyncTarget: rsync_sender,
    S3Target: _s3_sender,
    XnatTarget: _xnat_sender,
}
"""Senders that need no more than a pace and times. Their libraries are loaded with the first."""


@dataclass
class Senders:
    """Makes senders; the bandwidth limits of the targets live here."""

    threads: Executor
    connect_timeout_s: float
    timeout_s: float
    transcoding: Transcoding = field(default_factory=Transcoding)
    _paces: dict[str, tuple[int | None, Pace]] = field(default_factory=dict)

    def make(self, target: TargetDocument) -> Sender:
        """Return the sender of a target, secrets and all."""
        pace = self._pace(target)
        times = {"connect_timeout_s": self.connect_timeout_s, "timeout_s": self.timeout_s}
        maker = _MAKERS.get(type(target))
        if maker is not None:
            sender: Sender = maker(target, pace, **times)
        elif isinstance(target, DicomTarget | DicomTlsTarget):
            sender = DicomSender(target, pace, self.threads, transcoding=self.transcoding, **times)
        elif isinstance(target, DicomWebTarget):
            sender = DicomWebSender(target, pace, transcoding=self.transcoding, **times)
        elif isinstance(target, FolderTarget):
            sender = FolderSender(target, pace, self.threads)
        else:
            sender = DummySender()
        return sender

    def pace_of(self, name: str) -> Pace:
        """Return the bandwidth limit of a target whose sender was made."""
        return self._paces[name][1]

    def _pace(self, target: TargetDocument) -> Pace:
        limit, pace = self._paces.get(target.name, (None, Pace(None)))
        if limit != target.max_bytes_per_s:
            limit, pace = target.max_bytes_per_s, Pace(target.max_bytes_per_s)
        self._paces[target.name] = limit, pace
        return pace
