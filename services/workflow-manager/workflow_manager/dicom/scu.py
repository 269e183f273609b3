"""Send instances to another node: contexts from the data, a report per instance. Blocking.

Files are sent as they are on disk, in pieces; nothing is decoded unless the target asks for it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from workflow_manager.dicom.associating import Peer, associate
from workflow_manager.dicom.commands import Originator, StoreResponse
from workflow_manager.dicom.data_set import DataSetFile, UnsendableError, body_of
from workflow_manager.dicom.lending import LostError
from workflow_manager.dicom.sending import LOST, StoppedError, StoreLine
from workflow_manager.senders.encodings import NATIVE, name_of, offers
from workflow_manager.senders.port import Item, Pace, SendReport
from workflow_manager.senders.transcoder import NoPixelsError, TranscodeError, Transcoder

_MAX_CONTEXTS = 128  # PS3.8 section 9.3.2.2: odd numbers to 255
WARNINGS = range(0xB000, 0xC000)
After = Callable[[str, StoreResponse | None], None]
"""Told of each instance, and the answer to it; None: it was not sent, the report says why."""


@dataclass(frozen=True, slots=True)
class _File:
    """An instance to send; its UID is that of the index."""

    sop_instance_uid: str
    stored: DataSetFile


@dataclass(frozen=True, slots=True)
class _Way:
    """How files are sent, the same for all of a shipment."""

    peer: Peer
    report: SendReport
    pace: Pace
    transcoder: Transcoder | None
    wanted: Sequence[str]
    originator: Originator | None
    after: After

    def fail(self, sop_instance_uid: str, reason: str) -> None:
        """Note why an instance was not sent."""
        self.report.failed[sop_instance_uid] = reason
        self.after(sop_instance_uid, None)


def send_series(
    items: Sequence[tuple[str, Path]],
    peer: Peer,
    report: SendReport | None = None,
    pace: Pace | None = None,
    *,
    transcoder: Transcoder | None = None,
    wanted: Sequence[str] = (),
    originator: Originator | None = None,
    after: After = lambda _uid, _answer: None,
) -> SendReport:
    """Send instances over as few associations as their contexts need.

    Args:
        items: What to send.
        peer: Where to.
        report: Filled while they are sent; returned.
        pace: Bandwidth limit.
        transcoder: Makes of an image what is wanted.
        wanted: Transfer Syntax UIDs that the peer wants; none: as they are stored.
        originator: Who asked for it with a C-MOVE.
        after: Called after each instance.
    """
    report, pace = report or SendReport(), pace or Pace(None)
    wanted = wanted if transcoder is not None else ()
    way = _Way(peer, report, pace, transcoder, wanted, originator, after)
    readable: list[_File] = []
    for item in (Item(*item) for item in items):
        try:
            readable.append(_File(item.sop_instance_uid, DataSetFile.read(item.path)))
        except UnsendableError as error:
            way.fail(item.sop_instance_uid, str(error))
    for group in _groups(readable, way.wanted):
        if report.stop.is_set():
            break
        _send_group(group, way)
    return report


def _groups(files: Sequence[_File], wanted: Sequence[str]) -> Iterator[list[_File]]:
    """Split files so that one association can carry the contexts of each part."""
    group: list[_File] = []
    contexts: set[tuple[str, tuple[str, ...]]] = set()
    for file in files:
        needed = set(_contexts([file], wanted))
        if len(contexts | needed) > _MAX_CONTEXTS:
            yield group
            group, contexts = [], set()
        contexts |= needed
        group.append(file)
    if group:
        yield group


def _contexts(files: Sequence[_File], wanted: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
    """Return the contexts to propose: for each SOP class, every encoding that it may be sent in."""
    kinds = {(file.stored.sop_class_uid, file.stored.transfer_syntax_uid): None for file in files}
    proposed = {
        (sop_class, syntaxes): None
        for sop_class, stored in kinds
        for syntaxes in offers(stored, wanted)
    }
    return list(proposed)


def _send_group(files: Sequence[_File], way: _Way) -> None:
    report = way.report
    association, reason = associate(way.peer, _contexts(files, way.wanted))
    if association is None:
        for file in files:
            way.fail(file.sop_instance_uid, reason)
        return
    line = StoreLine(association, timeout_s=way.peer.timeout_s, pace=way.pace, stop=report.stop)
    try:
        with line.open():
            for file in files:
                if report.stop.is_set():
                    break
                way.after(file.sop_instance_uid, _send_one(line, file, way))
    except StoppedError:
        return
    except LostError as error:
        _fail_rest(files, way, str(error))
        return
    association.release()


def _fail_rest(files: Sequence[_File], way: _Way, reason: str) -> None:
    """Name the reason with the instance that was under way; the others are lost with it."""
    done = {*way.report.sent, *way.report.failed}
    for file in files:
        if file.sop_instance_uid not in done:
            way.fail(file.sop_instance_uid, reason)
            reason = LOST


def _send_one(line: StoreLine, file: _File, way: _Way) -> StoreResponse | None:
    uid, report = file.sop_instance_uid, way.report
    try:
        source, syntax = _source(line.accepted(file.stored.sop_class_uid), file.stored, way)
        with body_of(source, syntax) as body:
            answer = line.store(source, body, syntax, way.originator)
    except (TranscodeError, UnsendableError) as error:
        report.failed[uid] = str(error)
    except OSError as error:
        report.failed[uid] = f"The file cannot be read: {error}"
    else:
        _note(answer, file, syntax, report)
        return answer
    return None


def _note(answer: StoreResponse, file: _File, syntax: str, report: SendReport) -> None:
    uid, status = file.sop_instance_uid, answer.status
    if status == 0 or status in WARNINGS:
        if syntax != file.stored.transfer_syntax_uid:
            report.transcoded[uid] = syntax
        report.sent.append(uid)
        return
    comment = f": {answer.comment}" if answer.comment else ""
    report.failed[uid] = f"The node answered status 0x{status:04X}{comment}."


def _source(accepted: set[str], file: DataSetFile, way: _Way) -> tuple[DataSetFile, str]:
    """Return the file to send and in what transfer syntax: as stored, unless that is not wanted.

    Raises:
        TranscodeError: The node does not take it in a way in which it can be sent.
        UnsendableError: What was transcoded cannot be read.
    """
    stored = file.transfer_syntax_uid
    if way.transcoder is not None and way.wanted:
        try:
            path, syntax = way.transcoder.wanted_file(file.path, stored, way.wanted, accepted)
            return (file if path == file.path else DataSetFile.read(path)), syntax
        except NoPixelsError:  # such encodings are for images
            if stored in accepted:
                return file, stored
    elif stored in accepted:
        return file, stored
    elif stored in NATIVE and (others := accepted.intersection(NATIVE)):
        return file, min(others)
    raise TranscodeError(
        f"The node does not take {name_of(file.sop_class_uid)} as {name_of(stored)}: "
        "allow that there; images are sent as they are stored."
    )
