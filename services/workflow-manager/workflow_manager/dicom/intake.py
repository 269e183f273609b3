"""What listeners hand over, taken by a thread of its own: read, index, answer.

All that waits, of all associations, enters the index in one transaction. A lone image waits for no
company, and for no event loop: it goes to the database and is answered from here. What is not
usual goes the general way, in the service's loop.
"""

import asyncio
import selectors
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from scanhub_libraries.logging import get_logger
from workflow_manager.dicom import files
from workflow_manager.dicom.channel import ENDED, INDEXED, INSTANCE, UNREAD, as_line
from workflow_manager.dicom.entries import Origin, Outcome
from workflow_manager.dicom.image import Image, header_of
from workflow_manager.dicom.receiving import Arrived, Receiving
from workflow_manager.dicom.rules import OUT_OF_RESOURCES, SUCCESS, instance_key
from workflow_manager.dicom.unread import Reader

logger = get_logger(__name__)
_RECEIVE_BYTES = 2**20
_AT_ONCE = 200
_CLOSE = b""

Place = Callable[[Sequence[int]], None]
"""Puts the files of the images with these numbers in their places."""
Answer = tuple[int, int, str]
"""Number of the message, DICOM status, comment."""


@dataclass(slots=True)
class Handing:
    """A listener that hands files over."""

    connection: socket.socket
    loop: asyncio.AbstractEventLoop
    on_ended: Callable[[set[tuple[str, str]], str], None]
    """Hears, in the loop, of the series of an association and of how it ended."""
    drained: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the listener has closed and all that it handed over is put away."""
    rest: bytes = b""
    series: dict[int, set[tuple[str, str]]] = field(default_factory=dict)
    """By the number of the association."""

    unsent: bytes = b""
    """Of our answers, while the listener does not read."""

    def say(self, data: bytes) -> None:
        """Send what the connection takes now; it never waits for a listener that does not read."""
        data = self.unsent + data
        try:
            sent = self.connection.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            sent = 0
        except OSError:  # it is gone
            sent = len(data)
        self.unsent = data[sent:]

    def messages(self, data: bytes) -> list[dict[str, Any]]:
        """Return the messages that are whole."""
        *lines, self.rest = (self.rest + data).split(b"\n")
        return [from_json(line) for line in lines]


class Intake:
    """The thread, and the listeners that it serves."""

    def __init__(self, receiving: Receiving) -> None:
        self._receiving = receiving
        self._reader = Reader(receiving.extra_tags)
        self._joining: list[Handing] = []
        self._behind: list[Handing] = []
        """Listeners that have to read before they are told more."""
        self._thread: threading.Thread | None = None
        self._wake: socket.socket | None = None

    def serve(self, handing: Handing) -> None:
        """Take what a listener hands over, until it closes."""
        self._joining.append(handing)
        if self._wake is None:
            self._wake, woken = socket.socketpair()
            self._thread = threading.Thread(
                target=self._run, args=(woken,), name="dicom-intake", daemon=True
            )
            self._thread.start()
        self._wake.send(b"+")

    async def close(self) -> None:
        """End the thread; the listeners have closed."""
        if self._thread is not None and self._wake is not None:
            self._wake.close()
            await asyncio.to_thread(self._thread.join)
            self._thread = self._wake = None

    def index_usual(
        self, paths: Sequence[Path], images: Sequence[Image], origins: Sequence[Origin]
    ) -> set[int]:
        """Put whole, synced files of others into the index, those that are usual. Blocking.

        Args:
            paths: Files below the folder of incoming ones; they keep their names until the index
                is on the disk, which tells after a power cut what is missing there.
            images: What stands in their headers.
            origins: Who brought each.

        Returns:
            The numbers of those that entered. The others go the general way (`Receiving.store`).
        """
        names = [str(path) for path in paths]
        self._receiving.under_way.update(names)
        return self._index_usual(names, images, origins)

    def _run(self, woken: socket.socket) -> None:
        with woken, selectors.DefaultSelector() as selector:
            selector.register(woken, selectors.EVENT_READ)
            while self._serve(selector, woken):
                pass

    def _serve(self, selector: selectors.BaseSelector, woken: socket.socket) -> bool:
        """Take what has come; False: nothing will come any more."""
        waiting: list[tuple[Handing, dict[str, Any]]] = []
        gone: list[Handing] = []
        for key, events in selector.select():
            if key.data is None:
                if not woken.recv(64):
                    return False
                continue
            if events & selectors.EVENT_WRITE:
                self._say(key.data, b"")
            if events & selectors.EVENT_READ:
                self._read(key.data, waiting, gone)
        self._let_join(selector)
        for begin in range(0, len(waiting), _AT_ONCE):
            self._take_or_leave(waiting[begin : begin + _AT_ONCE])
        self._look_who_is_behind(selector)
        for handing in gone:
            selector.unregister(handing.connection)
            handing.connection.close()
            handing.loop.call_soon_threadsafe(handing.drained.set)
        return True

    def _let_join(self, selector: selectors.BaseSelector) -> None:
        while self._joining:
            handing = self._joining.pop()
            selector.register(handing.connection, selectors.EVENT_READ, handing)

    def _say(self, handing: Handing, data: bytes) -> None:
        was_behind = bool(handing.unsent)
        handing.say(data)
        if was_behind or handing.unsent:
            self._behind.append(handing)

    def _look_who_is_behind(self, selector: selectors.BaseSelector) -> None:
        """Wait for room in the connections of those that have not read all, and of no others."""
        behind, self._behind = self._behind, []
        for handing in behind:
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if handing.unsent else 0)
            selector.modify(handing.connection, events, handing)

    def _read(
        self, handing: Handing, waiting: list[tuple[Handing, dict[str, Any]]], gone: list[Handing]
    ) -> None:
        try:
            data = handing.connection.recv(_RECEIVE_BYTES)
        except OSError:
            data = _CLOSE
        try:
            waiting += [(handing, message) for message in handing.messages(data)]
        except ValueError:
            logger.exception("a listener talks nonsense, and is not heard any more")
            data = _CLOSE
        if data == _CLOSE:
            gone.append(handing)

    def _take_or_leave(self, batch: Sequence[tuple[Handing, dict[str, Any]]]) -> None:
        """Take a batch; what nobody thought of costs the message that it is about, and no other.

        A file whose message is lost is a whole file that was left behind: it is found later.
        """
        try:
            self._take(batch)
        except Exception as error:
            if len(batch) > 1:
                for one in batch:
                    self._take_or_leave([one])
                return
            self._receiving.under_way.discard(str(batch[0][1].get("path")))
            logger.exception("a message of a listener cannot be taken", error=repr(error))

    def _take(self, batch: Sequence[tuple[Handing, dict[str, Any]]]) -> None:
        """Index and answer what is a file; then tell of associations that ended."""
        answers: dict[int, tuple[Handing, list[Answer]]] = {}
        self._note_indexed([(h, m) for h, m in batch if m["kind"] == INDEXED])
        arrived = [(h, self._with_header(m)) for h, m in batch if m["kind"] in {INSTANCE, UNREAD}]
        results = self._store([message for _, message in arrived])
        for (handing, message), (status, comment) in zip(arrived, results, strict=True):
            to = answers.setdefault(id(handing), (handing, []))
            to[1].append((message["number"], status, comment))
            if status == SUCCESS and message["image"] is not None:
                place = message["image"][0], message["image"][1]
                handing.series.setdefault(message["association"], set()).add(place)
        for handing, stored in answers.values():
            self._say(handing, as_line({"stored": stored}))
        for handing, message in batch:
            if message["kind"] == ENDED:
                self._ended(handing, message["association"], message["how"])

    def _note_indexed(self, batch: Sequence[tuple[Handing, dict[str, Any]]]) -> None:
        """Take note of what listeners have put into the index themselves."""
        folders: set[Path] = set()
        for handing, message in batch:
            study, series = message["place"]
            folders.add(self._receiving.root / "dicom" / study / series)
            handing.series.setdefault(message["association"], set()).add((study, series))
            self._receiving.tally.note(message["called"], Outcome.STORED, message["size"])
        if batch:
            self._receiving.put_away.add([message["path"] for _, message in batch], folders)

    def _with_header(self, message: dict[str, Any]) -> dict[str, Any]:
        """Read the header of a file, if its listener has not."""
        self._receiving.under_way.add(message["path"])
        if message["kind"] != UNREAD:
            return message
        try:
            return self._reader.read(message)
        except OSError as error:
            if not isinstance(error, FileNotFoundError):  # somebody else has indexed it
                logger.warning("a received file is read again later", error=repr(error))
            self._receiving.under_way.discard(message["path"])
            return {**message, "image": None, "problem": None}

    def _ended(self, handing: Handing, association: int, how: str) -> None:
        series = handing.series.pop(association, set())
        series -= set().union(*handing.series.values())  # another association still brings these
        handing.loop.call_soon_threadsafe(handing.on_ended, series, how)

    def _store(self, messages: Sequence[dict[str, Any]]) -> list[tuple[int, str]]:
        """Return what becomes of files: status and comment, in their order."""
        if not messages:
            return []
        paths = [message["path"] for message in messages]
        images = [None if m["image"] is None else Image(*m["image"]) for m in messages]
        usual = self._index_usual(paths, images, [_origin(message) for message in messages])
        results: dict[int, tuple[int, str]] = dict.fromkeys(usual, (SUCCESS, ""))
        left = {n for n, message in enumerate(messages) if message["problem"] is None}
        results |= dict.fromkeys(left, (OUT_OF_RESOURCES, ""))  # nobody waits for these
        others = [n for n in range(len(messages)) if n not in results]
        if others:
            arrived = [_arrived(messages[n], images[n]) for n in others]
            results |= zip(others, self._receiving.store_from_thread(arrived), strict=True)
        return [results[n] for n in range(len(messages))]

    def _index_usual(
        self, paths: Sequence[str], images: Sequence[Image | None], origins: Sequence[Origin]
    ) -> set[int]:
        """Index what is usual; return the numbers of those."""
        left = {n: image for n, image in enumerate(images) if image is not None}
        entered: set[int] = set()

        def enter_with_series(images: Sequence[Image], place: Place) -> set[int]:
            return self._receiving.enter_with_series(images, [origins[n] for n in left], place)

        for enter in (self._receiving.enter_usual, enter_with_series):
            try:
                new = self._enter(enter, paths, left)
            except Exception as error:  # noqa: BLE001 - the general way says what it is; none is lost
                logger.warning("received instances go the general way", error=repr(error))
                break
            for n in new:
                size = left.pop(n).columns["size"]
                self._receiving.tally.note(origins[n].receiver_aet, Outcome.STORED, size)
            entered |= new
        return entered

    def _enter(
        self,
        enter: Callable[[Sequence[Image], Place], set[int]],
        paths: Sequence[str],
        images: Mapping[int, Image],
    ) -> set[int]:
        """Put images into the index and their files in their places; return which entered."""
        if not images:
            return set()
        root, numbers, folders = self._receiving.root, list(images), set[str]()

        def place(entered: Sequence[int]) -> None:
            for n in entered:
                target = f"{root}/{instance_key(*images[numbers[n]][:3])}"
                files.link_in_place(paths[numbers[n]], target)
                folders.add(target.rpartition("/")[0])

        entered = enter(list(images.values()), place)
        self._receiving.put_away.add((paths[numbers[n]] for n in entered), map(Path, folders))
        return {numbers[n] for n in entered}


def _arrived(message: dict[str, Any], image: Image | None) -> Arrived:
    header = None if image is None else header_of(image)
    problem = message["problem"]
    return Arrived(Path(message["path"]), _origin(message), message["sha256"], header, problem)


def _origin(message: dict[str, Any]) -> Origin:
    calling, called, address = message["origin"]
    return Origin(calling, receiver_aet=called, sender_address=address)
