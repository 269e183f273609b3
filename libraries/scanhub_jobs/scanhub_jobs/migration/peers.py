"""Nodes and the sender, by their old names."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset

from scanhub_jobs.job_context import JobContext
from scanhub_jobs.network.peer import Peer, PeerTls
from scanhub_jobs.network.report import InstanceReport, Outcome

_NOT_ACCEPTED, _CANNOT = 0xC001, 0xC000
_OLD_NAMES = {"aet": "calling_ae_title", "ae_title": "calling_ae_title"}


def get_peer(name: str | None = None) -> dict[str, Any] | None:
    """Return a node by its name, or the one that sent the images; None when there is none."""
    peer = _peer(name)
    if peer is None:
        return None
    return {**peer.model_dump(mode="json"), "aet": peer.ae_title}


def _peer(name: str | None) -> Peer | None:
    context = JobContext.current()
    found = context.sender if name is None else context.peers.get(name)
    return found if isinstance(found, Peer) else None


def get_dicom_sender(
    peer_name: str | None = None,
    additional_sops: Sequence[str] | None = None,
    additional_syntaxes: Sequence[str] | None = None,
) -> "DicomSender | None":
    """Return what sends to a node; None when there is no such node.

    Args:
        peer_name: The node; none: the one that sent the images.
        additional_sops: Not needed any more: what is offered follows from the data.
        additional_syntaxes: Not needed any more.
    """
    peer = _peer(peer_name)
    if peer is None:
        return None
    sender = DicomSender(
        peer.calling_ae_title,
        peer.host,
        peer.port,
        peer.ae_title,
        additional_sops=additional_sops,
        additional_syntaxes=additional_syntaxes,
    )
    sender.peer = peer
    return sender


class DicomSender:
    """Sends to one node; answers are status data sets, one for each instance."""

    def __init__(
        self,
        ae_title: str,
        server_host: str,
        server_port: int,
        server_ae_title: str | None = None,
        *,
        enable_tls: bool = False,
        tls_cert_file: Path | str | None = None,
        tls_key_file: Path | str | None = None,
        tls_ca_file: Path | str | None = None,
        tls_trusted_ca: bool = False,
        additional_sops: Sequence[str] | None = None,
        additional_syntaxes: Sequence[str] | None = None,
    ) -> None:
        del additional_sops, additional_syntaxes  # what is offered follows from the data
        files = {"certificate": tls_cert_file, "key": tls_key_file}
        if not tls_trusted_ca:
            files["ca"] = tls_ca_file
        self.peer = Peer(
            name=server_ae_title or server_host,
            host=server_host,
            port=server_port,
            ae_title=server_ae_title or "ANY-SCP",
            calling_ae_title=ae_title,
            tls=PeerTls.model_validate(files) if enable_tls else None,
        )

    def send_dicom_from_path(
        self,
        path: Path | str,
        filter_callback: Callable[[Dataset], bool] | None = None,
        **overrides: Any,
    ) -> list[Dataset]:
        """Send the DICOM files of a folder, not of those in it."""
        return self._send(path, filter_callback, overrides)

    def send_dicom_from_filelist(
        self,
        files: Sequence[Path | str],
        filter_callback: Callable[[Dataset], bool] | None = None,
        **overrides: Any,
    ) -> list[Dataset]:
        """Send files."""
        return self._send(list(files), filter_callback, overrides)

    def send_dicom_from_dataset(
        self, dataset: Dataset | Sequence[Dataset], **overrides: Any
    ) -> list[Dataset]:
        """Send data sets."""
        return self._send(dataset, None, overrides)

    def send_dicom_from_dicomdir(
        self,
        path: Path | str,
        filter_callback: Callable[[Dataset], bool] | None = None,
        **overrides: Any,
    ) -> list[Dataset]:
        """Send what a DICOMDIR names."""
        return self._send(path, filter_callback, overrides)

    def send_echo(self, **overrides: Any) -> Dataset | None:
        """Test the connection; None when there is no answer."""
        result = self._to(overrides).echo()
        return None if result.status is None else _status(result.status)

    def _to(self, overrides: dict[str, Any]) -> Peer:
        named = {_OLD_NAMES.get(name, name): value for name, value in overrides.items()}
        return Peer.model_validate({**dict(self.peer), **named})

    def _send(
        self, items: Any, where: Callable[[Dataset], bool] | None, overrides: dict[str, Any]
    ) -> list[Dataset]:
        """Send, and return a status for each; a node that is not there is an error now.

        Raises:
            SendError: There was no association at all.
        """
        report = self._to(overrides).send(items, where=where, recursive=False, retries=0)
        return [_status_of(instance) for instance in report.instances]


def _status_of(instance: InstanceReport) -> Dataset:
    if instance.status is not None:
        return _status(instance.status)
    return _status(_NOT_ACCEPTED if instance.outcome is Outcome.REFUSED else _CANNOT)


def _status(status: int) -> Dataset:
    found = Dataset()
    found.Status = status
    return found
