"""A DICOM node, plain or over TLS."""

import asyncio
import ssl
import tempfile
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path

from scanhub_libraries.models import TargetStep
from scanhub_libraries.models.target import DicomTarget, DicomTlsTarget
from workflow_manager.dicom.scu import Peer, echo, send_series
from workflow_manager.senders.port import Pace, SendReport, Shipment
from workflow_manager.senders.reach import handshake, reach

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
        connect_timeout_s: float,
        timeout_s: float,
    ) -> None:
        self._target = target
        self._pace = pace
        self._threads = threads
        self._peer = Peer(
            host=target.ip,
            port=target.port,
            aet_target=target.aet_target,
            aet_source=target.aet_source,
            connect_timeout_s=connect_timeout_s,
            timeout_s=timeout_s,
        )

    async def send(self, shipment: Shipment, report: SendReport) -> None:
        """Send over as few associations as the data need."""
        if self._target.ip == SENDER and not shipment.sender_address:
            report.fail_rest(shipment.items, "Nobody noted which address these images came from.")
            return
        await asyncio.get_running_loop().run_in_executor(
            self._threads, self._send, self._peer_for(shipment), shipment, report
        )

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
            context = await asyncio.to_thread(self._tls)
        except (ssl.SSLError, ValueError) as error:
            return [*steps, TargetStep(name="tls", ok=False, detail=_bad_pem(error))]
        if context is not None:
            peer = replace(peer, tls=context, server_name=peer.host)
            steps.append(await handshake(peer.host, peer.port, context, peer.connect_timeout_s))
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
            context = self._tls()
        except (ssl.SSLError, ValueError) as error:
            report.fail_rest(shipment.items, _bad_pem(error))
            return
        if context is not None:
            peer = replace(peer, tls=context, server_name=peer.host)
        send_series(shipment.items, peer, report, self._pace)

    def _tls(self) -> ssl.SSLContext | None:
        target = self._target
        return tls_context(target) if isinstance(target, DicomTlsTarget) else None


def tls_context(target: DicomTlsTarget) -> ssl.SSLContext:
    """Return how to speak TLS with a node: TLS 1.2 or later (PS3.15 B.12, BCP 195)."""
    context = ssl.create_default_context(cadata=target.ca_cert or None)
    context.check_hostname = target.verify_host
    key = target.tls_key.get_secret_value() if target.tls_key is not None else ""
    if target.tls_cert or key:
        with tempfile.TemporaryDirectory(prefix="scanhub-tls-") as folder:  # mode 0700
            file = Path(folder) / "pair.pem"
            file.touch(mode=0o600)
            file.write_text(f"{key.strip()}\n{target.tls_cert.strip()}\n", encoding="ascii")
            context.load_cert_chain(file)
    return context


def _bad_pem(error: Exception) -> str:
    return f"Certificate, key or CA of the target cannot be read: {error}"
