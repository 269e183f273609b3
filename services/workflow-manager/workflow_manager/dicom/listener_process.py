"""A process that receives: `python -m workflow_manager.dicom.listener_process PARENT FD FILES`.

It ends with the service that started it. The rest of what it needs comes over the first channel;
every file that it received is told over the other, and the DICOM answer waits for the index.
"""

import contextlib
import ctypes
import os
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from scanhub_libraries.logging import configure_logging, get_logger
from workflow_manager.dicom import commitment, promising
from workflow_manager.dicom.channel import (
    FAILED,
    LISTENING,
    MOMENT_S,
    QUERY,
    Channel,
    ChannelClosedError,
    ended_message,
    indexed_message,
    instance_message,
    unread_message,
)
from workflow_manager.dicom.extra_tags import with_extra_tags
from workflow_manager.dicom.image import Image, image_of
from workflow_manager.dicom.incoming import Durability
from workflow_manager.dicom.listener import (
    AssociationEnd,
    ListenerOptions,
    ReceivedFile,
    StoreListener,
)
from workflow_manager.dicom.part10 import read_received
from workflow_manager.dicom.rules import (
    OUT_OF_RESOURCES,
    SUCCESS,
    Admission,
    NotStorableError,
)
from workflow_manager.dicom.straight import StraightIndex
from workflow_manager.query.dimse import services
from workflow_manager.query.giving import served

logger = get_logger(__name__)
_PR_SET_PDEATHSIG = 1
_PATIENCE_S = 60.0
"""How long an answer waits for the index [s]; afterwards the sender is asked to come again."""
_AHEAD = 4096
"""Instances that may wait for the index when answers do not."""
_LEISURE_S = 0.5
"""How long such an index may wait while an association goes on: both want the processor [s]."""


class _Desk:
    """Hands files to the service and gives its answers to the threads that wait for them."""

    def __init__(
        self,
        channel: Channel,
        files: Channel,
        durability: Durability,
        extra_tags: Sequence[str],
        index: StraightIndex | None,
    ) -> None:
        self._channel = channel
        self._files = files
        self._extra_tags = extra_tags
        self._index = index
        self._waits = durability is not Durability.UNSYNCED
        self._ahead = threading.Semaphore(_AHEAD)
        self._lock = threading.Lock()
        self._number = 0
        self._waiting: dict[int, _Waiting] = {}

    def store(self, received: ReceivedFile) -> tuple[int, str]:
        """Hand over a file; return the answer to its sender."""
        if self._waits:
            return self._ask(received)
        if not self._ahead.acquire(timeout=_PATIENCE_S):
            received.file.path.unlink()  # the sender keeps it
            return OUT_OF_RESOURCES, "The index does not keep up"
        received.afterwards.append(lambda: self._files.send_soon(unread_message(received)))
        return SUCCESS, ""

    def _ask(self, received: ReceivedFile) -> tuple[int, str]:
        image, problem = self._read(received)
        place, sync, is_alone = received.file.place, received.sync, received.is_alone
        if image and self._index and self._index.enter(place, image, sync, is_alone=is_alone):
            told = indexed_message(received, image)
            received.afterwards.append(lambda: self._files.send_soon(told))
            return SUCCESS, ""
        received.sync()
        waiting = _Waiting()
        number = self._new_number(waiting)
        # What cannot be sent is a whole file in its folder: the next service finds it there.
        with contextlib.suppress(ChannelClosedError):
            self._files.send(instance_message(number, received, image, problem))
        if not waiting.answered.wait(_PATIENCE_S):
            return OUT_OF_RESOURCES, "The index does not answer"
        if waiting.status == SUCCESS and image and self._index:
            self._index.learn(image)
        return waiting.status, waiting.comment

    def _read(self, received: ReceivedFile) -> tuple[Image | None, str]:
        """Return what the index keeps of a file, or why there is nothing."""
        try:
            header = read_received(received.file, received.transfer_syntax_uid)
            if self._extra_tags:
                header = with_extra_tags(received.file.path, header, self._extra_tags)
        except NotStorableError as error:
            return None, str(error)
        return image_of(header), ""

    def _new_number(self, waiting: "_Waiting") -> int:
        with self._lock:
            self._number += 1
            self._waiting[self._number] = waiting
            return self._number

    def query(self, question: dict[str, Any]) -> dict[str, Any] | None:
        """Ask the service what a peer asks us; None: it does not answer."""
        waiting = _Waiting()
        number = self._new_number(waiting)
        try:
            self._channel.send({"kind": QUERY, "number": number, "question": question})
        except ChannelClosedError:
            return None
        return waiting.answer if waiting.answered.wait(_PATIENCE_S) else None

    def stored(self, answers: list[tuple[int, int, str]]) -> None:
        """Take answers about files: number, status, comment."""
        if not self._waits:
            self._ahead.release(len(answers))
            return
        for number, status, comment in answers:
            waiting = self._taken(number)
            if waiting is not None:
                waiting.status, waiting.comment = status, comment
                waiting.answered.set()

    def answered(self, message: dict[str, Any]) -> None:
        """Take an answer to a query."""
        waiting = self._taken(message["number"])
        if waiting is not None:
            waiting.answer = message["answer"]
            waiting.answered.set()

    def _taken(self, number: int) -> "_Waiting | None":
        with self._lock:
            return self._waiting.pop(number, None)

    def give_up(self) -> None:
        """Tell every sender to come again: the service is gone."""
        with self._lock:
            waiting = list(self._waiting.values())
        for each in waiting:
            each.answered.set()

    def ended(self, end: AssociationEnd) -> None:
        """Tell that an association ended."""
        with contextlib.suppress(ChannelClosedError):
            self._files.send_soon(ended_message(end))
            self._files.flush()


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
        has_company=message["several"],
        admission=Admission(networks=networks, **limits),
        served=served(desk.query),
        services=[
            *services(desk.query, message["listener"]["ae_title"]),
            commitment.service(desk.query),
            promising.service(desk.query),
        ],
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


def _take_answers(files: Channel, desk: _Desk) -> None:
    for answers in files.messages():
        desk.stored(answers["stored"])
    desk.give_up()


def main() -> int:
    """Receive until the service closes the channel."""
    parent, descriptor, files_descriptor = map(int, sys.argv[1:4])
    _die_with_parent(parent)
    configure_logging(json=os.environ.get("SCANHUB_LOG_JSON", "").lower() in {"1", "true"})
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's; the service decides
    channel = Channel(socket.socket(fileno=descriptor))
    messages = channel.messages()
    first = next(messages, None)
    if first is None:
        return 0
    durability = Durability(first["durability"])
    moment_s = _LEISURE_S if durability is Durability.UNSYNCED else MOMENT_S
    files = Channel(socket.socket(fileno=files_descriptor), moment_s=moment_s)
    index = None if first["index"] is None else StraightIndex(first["index"])
    desk = _Desk(channel, files, durability, first["extra_tags"], index)
    threading.Thread(target=_take_answers, args=(files, desk), daemon=True).start()
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
    with contextlib.suppress(ChannelClosedError):
        files.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
