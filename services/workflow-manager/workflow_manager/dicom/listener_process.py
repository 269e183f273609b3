"""A process that receives: `python -m workflow_manager.dicom.listener_process PARENT FD`.

It ends with the service that started it. The rest of what it needs comes over the channel, and
every file that it received goes back over it; the DICOM answer waits for the index.
"""

import contextlib
import ctypes
import os
import signal
import socket
import ssl
import sys
import threading
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from scanhub_libraries.logging import configure_logging, get_logger
from workflow_manager.dicom.channel import (
    FAILED,
    LISTENING,
    QUERY,
    Channel,
    ChannelClosedError,
    ended_message,
    instance_message,
)
from workflow_manager.dicom.incoming import Durability
from workflow_manager.dicom.listener import (
    AssociationEnd,
    ListenerOptions,
    ReceivedFile,
    StoreListener,
)
from workflow_manager.dicom.part10 import Header, read_received
from workflow_manager.dicom.rules import (
    CANNOT_UNDERSTAND,
    OUT_OF_RESOURCES,
    SUCCESS,
    Admission,
    NotStorableError,
)
from workflow_manager.query.dimse import services

logger = get_logger(__name__)
_PR_SET_PDEATHSIG = 1
_PATIENCE_S = 60.0
"""How long an answer waits for the index [s]; afterwards the sender is asked to come again."""
_AHEAD = 512
"""Instances that may wait for the index when answers do not."""


class _Desk:
    """Hands files to the service and gives its answers to the threads that wait for them."""

    def __init__(self, channel: Channel, durability: Durability) -> None:
        self._channel = channel
        self._waits = durability is not Durability.UNSYNCED
        self._ahead = threading.Semaphore(_AHEAD)
        self._lock = threading.Lock()
        self._number = 0
        self._waiting: dict[int, _Waiting] = {}

    def store(self, received: ReceivedFile) -> tuple[int, str]:
        """Hand over a file; return the answer to its sender."""
        header: Header | None = None
        problem = ""
        try:
            file = received.file
            header = read_received(
                file.path, received.transfer_syntax_uid, sha256=file.sha256, size=file.size
            )
        except NotStorableError as error:
            problem = str(error)
        if self._waits:
            return self._ask(received, header, problem)
        if not self._ahead.acquire(timeout=_PATIENCE_S):
            received.file.path.unlink()  # the sender keeps it
            return OUT_OF_RESOURCES, "The index does not keep up"
        self._send(received, header, problem, None)
        return (CANNOT_UNDERSTAND, problem) if problem else (SUCCESS, "")

    def _ask(self, received: ReceivedFile, header: Header | None, problem: str) -> tuple[int, str]:
        waiting = _Waiting()
        self._send(received, header, problem, waiting)
        if waiting.answered.wait(_PATIENCE_S):
            return waiting.status, waiting.comment
        return OUT_OF_RESOURCES, "The index does not answer"

    def _send(
        self,
        received: ReceivedFile,
        header: Header | None,
        problem: str,
        waiting: "_Waiting | None",
    ) -> None:
        with self._lock:
            self._number += 1
            number = self._number
            if waiting is not None:
                self._waiting[number] = waiting
        # What cannot be sent is a whole file in its folder: the next service finds it there.
        with contextlib.suppress(ChannelClosedError):
            self._channel.send(instance_message(number, received, header, problem))

    def query(self, question: dict[str, Any]) -> dict[str, Any] | None:
        """Ask the service what a peer asks us; None: it does not answer."""
        waiting = _Waiting()
        with self._lock:
            self._number += 1
            number = self._number
            self._waiting[number] = waiting
        try:
            self._channel.send({"kind": QUERY, "number": number, "question": question})
        except ChannelClosedError:
            return None
        return waiting.answer if waiting.answered.wait(_PATIENCE_S) else None

    def answered(self, message: dict[str, Any]) -> None:
        """Take an answer of the service."""
        with self._lock:
            waiting = self._waiting.pop(message["number"], None)
        if waiting is None:
            if not self._waits:
                self._ahead.release()
            return
        if "answer" in message:
            waiting.answer = message["answer"]
        else:
            waiting.status, waiting.comment = message["status"], message["comment"]
        waiting.answered.set()

    def give_up(self) -> None:
        """Tell every sender to come again: the service is gone."""
        with self._lock:
            waiting = list(self._waiting.values())
        for each in waiting:
            each.answered.set()

    def ended(self, end: AssociationEnd) -> None:
        """Tell that an association ended."""
        with contextlib.suppress(ChannelClosedError):
            self._channel.send(ended_message(end))


class _Waiting:
    """A thread that waits for an answer."""

    def __init__(self) -> None:
        self.answered = threading.Event()
        self.status, self.comment = OUT_OF_RESOURCES, "The index is away"
        self.answer: dict[str, Any] | None = None


def tls_context(certificate: str, key: str, client_ca: str) -> ssl.SSLContext:
    """Return the context of a TLS listener; raises OSError when a file is not what it should be."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key or None)
    if client_ca:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _options(message: dict[str, Any], desk: _Desk) -> ListenerOptions:
    limits = message["admission"]
    networks = tuple(ip_network(text, strict=False) for text in limits.pop("networks"))
    return ListenerOptions(
        folder=Path(message["folder"]),
        durability=Durability(message["durability"]),
        admission=Admission(networks=networks, **limits),
        services=services(desk.query, message["listener"]["ae_title"]),
        **message["listener"],
    )


def _listen(message: dict[str, Any], desk: _Desk) -> StoreListener:
    listener = StoreListener(_options(message, desk), desk.store, desk.ended)
    if message["plain"] is not None:
        listener.start(socket.socket(fileno=message["plain"]))
    if message["tls"] is not None:
        context = tls_context(**message["tls_files"])
        listener.start(socket.socket(fileno=message["tls"]), context)
    return listener


def _die_with_parent(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)  # it died before we could ask to be told


def main() -> int:
    """Receive until the service closes the channel."""
    parent, descriptor = int(sys.argv[1]), int(sys.argv[2])
    _die_with_parent(parent)
    configure_logging(json=os.environ.get("SCANHUB_LOG_JSON", "").lower() in {"1", "true"})
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's; the service decides
    channel = Channel(socket.socket(fileno=descriptor))
    messages = channel.messages()
    first = next(messages, None)
    if first is None:
        return 0
    desk = _Desk(channel, Durability(first["durability"]))
    try:
        listener = _listen(first, desk)
    except Exception as error:
        channel.send({"kind": FAILED, "reason": repr(error)})
        raise
    channel.send({"kind": LISTENING})
    for message in messages:
        desk.answered(message)
    desk.give_up()
    listener.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
