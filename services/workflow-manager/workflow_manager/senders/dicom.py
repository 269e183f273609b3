"""A DICOM node, plain or over TLS."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace

from scanhub_libraries.models import TargetStep
from scanhub_libraries.models.target import DicomTarget, DicomTlsTarget
from workflow_manager.dicom import commitment
from workflow_manager.dicom.associating import Peer, echo
from workflow_manager.dicom.client_tls import TlsSettings, UnreadablePemError, client_context
from workflow_manager.dicom.scu import send_series
from workflow_manager.senders.port import CommitmentAnswer, Pace, SendReport, Shipment
from workflow_manager.senders.reach import handshake, reach
from workflow_manager.senders.transcoder import Transcoder, Transcoding

_REPORT_S = 3.0
"""How long a report of storage commitment is waited for on the association of the request [s]."""
SENDER = "sender"
"""Literal address: whoever sent the images here."""


class DicomSender:
    """Sends with C-STORE; each instance has its status."""

    whole = False

    def __init__(
        self,
        target: DicomTarget | DicomTlsTarget,
        pace: Pace,
        threads: Executor,
        *,
        transcoding: Transcoding,
        connect_timeout_s: float,
        timeout_s: float,
    ) -> None:
        self._target = target
        self._pace = pace
        self._threads = threads
        self._transcoding = transcoding
        self._peer = peer_of(target, connect_timeout_s=connect_timeout_s, timeout_s=timeout_s)

    async def send(self, shipment: Shipment, report: SendReport) -> None:
        """Send over as few associations as the data need."""
        if self._target.ip == SENDER and not shipment.sender_address:
            report.fail_rest(shipment.items, "Nobody noted which address these images came from.")
            return
        await asyncio.get_running_loop().run_in_executor(
            self._threads, self._send, self._peer_for(shipment), shipment, report
        )

    @property
    def commits_within_s(self) -> float | None:
        """How long the node may take to confirm [s]; none: it is not asked."""
        target = self._target
        return target.commitment_timeout_s if target.storage_commitment else None

    async def commit(
        self, shipment: Shipment, transaction_uid: str, references: Sequence[tuple[str, str]]
    ) -> CommitmentAnswer:
        """Ask the node to commit itself (PS3.4 Annex J)."""

        def ask() -> CommitmentAnswer:
            try:
                peer = secured(self._peer_for(shipment), self._target)
            except UnreadablePemError as error:
                return CommitmentAnswer(problem=str(error))
            return commitment.request(peer, transaction_uid, references, _REPORT_S)

        return await asyncio.get_running_loop().run_in_executor(self._threads, ask)

    async def test(self) -> list[TargetStep]:
        """Connect and send a C-ECHO."""
        if self._target.ip == SENDER:
            detail = "The address is that of each sender: there is nothing to try before."
            return [TargetStep(name="name", ok=True, detail=detail)]
        peer = self._peer
        steps = await reach(peer.host, peer.port, peer.connect_timeout_s)
        if not steps[-1].ok:
            return steps
        try:
            peer = await asyncio.to_thread(secured, peer, self._target)
        except UnreadablePemError as error:
            return [*steps, TargetStep(name="tls", ok=False, detail=str(error))]
        if peer.tls is not None:
            steps.append(await handshake(peer.host, peer.port, peer.tls, peer.connect_timeout_s))
            if not steps[-1].ok:
                return steps
        loop = asyncio.get_running_loop()
        reason = await loop.run_in_executor(self._threads, echo, peer)
        detail = reason or "The node answered the C-ECHO."
        return [*steps, TargetStep(name="AE title", ok=reason is None, detail=detail)]

    def _peer_for(self, shipment: Shipment) -> Peer:
        target, peer = self._target, self._peer
        if target.ip == SENDER:
            peer = replace(peer, host=shipment.sender_address)
        if target.pass_sender_aet and shipment.sender_aet:
            peer = replace(peer, aet_source=shipment.sender_aet[:16])
        if target.pass_receiver_aet and shipment.receiver_aet:
            peer = replace(peer, aet_target=shipment.receiver_aet[:16])
        return peer

    def _send(self, peer: Peer, shipment: Shipment, report: SendReport) -> None:
        try:
            peer = secured(peer, self._target)
        except UnreadablePemError as error:
            report.fail_rest(shipment.items, str(error))
            return
        with Transcoder(self._transcoding, report.stop) as transcoder:
            wanted = self._target.transfer_syntaxes
            send_series(
                shipment.items, peer, report, self._pace, transcoder=transcoder, wanted=wanted
            )


def peer_of(
    target: DicomTarget | DicomTlsTarget, *, connect_timeout_s: float, timeout_s: float
) -> Peer:
    """Return the node that a target is; `secured` adds what TLS needs."""
    return Peer(
        host=target.ip,
        port=target.port,
        aet_target=target.aet_target,
        aet_source=target.aet_source,
        connect_timeout_s=connect_timeout_s,
        timeout_s=timeout_s,
    )


def secured(peer: Peer, target: DicomTarget | DicomTlsTarget) -> Peer:
    """Return a node as it is called: over TLS, if its target says so. Blocking.

    Raises:
        UnreadablePemError: Certificate, key or CA cannot be read.
    """
    tls = tls_of(target)
    if tls is None:
        return peer
    return replace(peer, tls=client_context(**tls), server_name=peer.host)


def tls_of(target: DicomTarget | DicomTlsTarget) -> TlsSettings | None:
    """Return how TLS is spoken with a target, secrets and all; None: it is not."""
    if not isinstance(target, DicomTlsTarget):
        return None
    key = target.tls_key.get_secret_value() if target.tls_key is not None else ""
    return {
        "certificate": target.tls_cert,
        "key": key,
        "ca": target.ca_cert,
        "verify_host": target.verify_host,
    }
