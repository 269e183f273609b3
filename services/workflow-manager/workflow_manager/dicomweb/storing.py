"""STOW-RS (PS3.18 section 10.5): store what comes, and say of each instance what became of it."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from scanhub_libraries.errors import (
    BadRequestError,
    InsufficientStorageError,
    UnsupportedMediaTypeError,
)
from scanhub_libraries.ids import new_id
from scanhub_libraries.logging import get_logger
from scanhub_libraries.threads import to_the_end
from workflow_manager.dicom.entries import Origin, Outcome
from workflow_manager.dicom.part10 import Header
from workflow_manager.dicom.receiving import Arrived, Receiving
from workflow_manager.dicomweb import rules
from workflow_manager.dicomweb.body_ahead import pieces_of_body
from workflow_manager.dicomweb.json_model import json_of_values
from workflow_manager.dicomweb.parts import PartsToDisk
from workflow_manager.dicomweb.settling import (
    CANNOT_UNDERSTAND,
    DUPLICATE_UID,
    PROCESSING_FAILURE,
    Desk,
    Result,
    Settled,
    Taken,
    index_usual,
    settle,
    take,
)

logger = get_logger(__name__)
_MANY = 200
_AT_ONCE, _MOST_WAITING = 64, 200
"""Parts that are indexed together; and that may wait for it, on the disk, before others come."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent, by whom, and where it may go."""

    content_type: str
    origin: Origin
    study: str | None
    most_bytes: int


def parts_to_disk(request: Request, folder: Path) -> PartsToDisk:
    """Return what takes the body.

    Raises:
        UnsupportedMediaTypeError: It holds no DICOM files.
        BadRequestError: Its type names no boundary.
    """
    given = rules.parse_media_type(request.content_type)
    boundary: str | None = None
    if given.name == rules.MULTIPART and given.parameters.get("type", rules.DICOM) == rules.DICOM:
        boundary = given.parameters.get("boundary")
        if not boundary or len(boundary) > 200:  # noqa: PLR2004 - RFC 2046 has 70, some more
            raise BadRequestError("Content-Type: name a boundary.", field="Content-Type")
    elif given.name != rules.DICOM:
        raise UnsupportedMediaTypeError(
            f'Send {rules.MULTIPART}; type="{rules.DICOM}", or one instance as {rules.DICOM}.'
        )
    return PartsToDisk(
        folder,
        f"stow-{new_id().hex}",
        boundary=boundary,
        media_type=rules.DICOM,
        most_bytes=request.most_bytes,
    )


async def store(desk: Desk, request: Request, body: AsyncIterator[bytes]) -> list[Result]:
    """Store the instances of a body, each as soon as it is whole.

    Raises:
        UnsupportedMediaTypeError: The body holds no DICOM files.
        BadRequestError: It cannot be read; what was whole before is stored.
        InsufficientStorageError: There is no room for it; the same.
    """
    storing = _Storing(desk, request)
    try:
        async with aclosing(pieces_of_body(body)) as pieces:
            async for chunks, last in pieces:
                await storing.take(chunks, last=last)
    except OSError as error:
        raise InsufficientStorageError(
            f"The instance cannot be written: {error.strerror}."
        ) from error
    finally:
        if not storing.has_ended:
            await asyncio.shield(storing.end())
    if not storing.results:
        raise BadRequestError("There is no instance in the body.")
    return storing.results


class _Storing:
    """What becomes of a body: its parts, in their order.

    While some are synced and indexed, others come: the slower the disk, the more go together the
    next time. So the first ones of a series are in the index before others look for it there.
    """

    def __init__(self, desk: Desk, request: Request) -> None:
        self._desk, self._request = desk, request
        self._parts = parts_to_disk(request, desk.folder)
        self._taken: list[Taken] = []
        """Of a thread that writes, until it has ended."""
        self._waiting: list[Taken] = []
        self._settling: asyncio.Task[None] | None = None
        self._has_room = asyncio.Event()
        self.results: list[Result] = []
        """What became of the parts, after the end."""

    async def take(self, chunks: Sequence[bytes], *, last: bool) -> None:
        """Take bytes of the body; what is whole with them is stored while more comes."""
        alone = last and not self._is_settling
        try:
            settled = await to_the_end(self._write, chunks, last, alone)
        finally:
            taken, self._taken = self._taken, []
            self._waiting += taken
        if settled:
            self.results += await _end(self._desk, settled)
        self._settle_on()
        while self._is_settling and len(self._waiting) >= _MOST_WAITING:
            self._has_room.clear()
            await self._has_room.wait()

    def _write(self, chunks: Sequence[bytes], last: bool, alone: bool) -> list[Settled]:
        """Write bytes; where nothing else is under way, settle the last parts in the same thread.

        Raises:
            InsufficientStorageError: There is too little room on the disk.
        """
        desk, request = self._desk, self._request
        if shutil.disk_usage(desk.folder).free < desk.min_free_bytes:
            raise InsufficientStorageError("There is too little room on the disk for more images.")
        for number, chunk in enumerate(chunks, 1):
            self._parts.feed(chunk, last and number == len(chunks))
            for part in self._parts.taken():
                self._taken.append(take(desk, request.origin, request.study, part))
        if not alone:
            return []
        taken, self._taken = self._taken, []
        return self._settled(taken)

    def _settled(self, parts: Sequence[Taken]) -> list[Settled]:
        settled: list[Settled] = []
        for begin in range(0, len(parts), _AT_ONCE):
            settled += settle(self._desk, parts[begin : begin + _AT_ONCE])
        return settled

    @property
    def _is_settling(self) -> bool:
        return self._settling is not None and not self._settling.done()

    def _settle_on(self) -> None:
        """See to it that what is whole is settled."""
        if self._waiting and not self._is_settling:
            if self._settling is not None:
                self._settling.result()  # raises what ended it, if something did
            self._settling = asyncio.create_task(self._settle())

    async def _settle(self) -> None:
        try:
            while self._waiting:
                parts, self._waiting = self._waiting, []
                self._has_room.set()
                settled = await asyncio.to_thread(self._settled, parts)
                self.results += await _end(self._desk, settled)
        finally:
            self._has_room.set()

    @property
    def has_ended(self) -> bool:
        """Say whether there is nothing left to end."""
        return self._settling is None and not self._waiting and not self._parts.has_some

    async def end(self) -> None:
        """Store what is whole, also where the body broke off; the rest goes."""
        if self._parts.has_some:
            await to_the_end(self._take_rest)
            self._waiting += self._taken
        self._settle_on()
        if self._settling is not None:
            await self._settling

    def _take_rest(self) -> None:
        """Take what was whole before something was wrong."""
        self._parts.discard()
        desk, request = self._desk, self._request
        for part in self._parts.taken():
            try:
                self._taken.append(take(desk, request.origin, request.study, part))
            except OSError as error:
                logger.warning("an instance cannot be written", error=repr(error))


async def _end(desk: Desk, settled: Sequence[Settled]) -> list[Result]:
    """Let what is not in the index yet go the general way: of a new series the first one alone.

    On SQLite that is what is odd; a new series is in the index by now.
    """
    first: dict[tuple[str, str], int] = {}
    for number, one in enumerate(settled):
        if isinstance(one, Arrived) and one.header is not None:
            first.setdefault(
                (one.header.study_instance_uid, one.header.series_instance_uid), number
            )
    if first:
        settled = await _store_some(desk, settled, first.values())
        if any(isinstance(one, Arrived) for one in settled):
            settled = await asyncio.to_thread(index_usual, desk, settled)
    settled = await _store_some(desk, settled, range(len(settled)))
    return [one for one in settled if isinstance(one, Result)]


async def _store_some(
    desk: Desk, settled: Sequence[Settled], numbers: Iterable[int]
) -> list[Settled]:
    """Let those with these numbers go the general way, together."""
    results = list(settled)
    left = {n: one for n in numbers if isinstance(one := settled[n], Arrived)}
    stored = await asyncio.gather(*(_store(desk.receiving, one) for one in left.values()))
    for number, result in zip(left, stored, strict=True):
        results[number] = result
    return results


async def _store(receiving: Receiving, arrived: Arrived) -> Result:
    try:
        stored = await receiving.store(arrived)
    except Exception as error:
        logger.exception("an instance could not be stored", error=repr(error))
        return Result(arrived.header, PROCESSING_FAILURE)
    match stored.outcome:
        case Outcome.CONFLICT:
            return Result(arrived.header, DUPLICATE_UID)
        case Outcome.QUARANTINED:
            return Result(None, CANNOT_UNDERSTAND)
        case _:
            return Result(arrived.header)


def status_of(results: Sequence[Result]) -> int:
    """Return the status of the answer (PS3.18 table 10.5.3-1)."""
    failed = [result for result in results if result.reason is not None]
    if not failed:
        return 200
    return 202 if len(failed) < len(results) else 409


async def answer_of(results: Sequence[Result], base: str) -> bytes:
    """Return what became of the instances, as DICOM JSON; of many it takes a thread a while."""
    if len(results) < _MANY:
        return _answer_of(results, base)
    return await asyncio.to_thread(_answer_of, results, base)


def _answer_of(results: Sequence[Result], base: str) -> bytes:
    """Write what became of the instances (PS3.18 section I.2)."""
    stored, failed, others = [], [], []
    for result in results:
        if result.header is None:
            others.append({"FailureReason": result.reason})
            continue
        item: dict[str, Any] = {
            "ReferencedSOPClassUID": result.header.sop_class_uid,
            "ReferencedSOPInstanceUID": result.header.sop_instance_uid,
        }
        if result.reason is None:
            stored.append({**item, "RetrieveURL": _url(result.header, base)})
        else:
            failed.append({**item, "FailureReason": result.reason})
    lists = {
        "ReferencedSOPSequence": stored,
        "FailedSOPSequence": failed,
        "OtherFailuresSequence": others,
    }
    found: dict[str, Any] = {name: items for name, items in lists.items() if items}
    studies = {r.header.study_instance_uid for r in results if r.header and r.reason is None}
    if len(studies) == 1:
        found["RetrieveURL"] = f"{base}/studies/{studies.pop()}"
    return to_json(json_of_values(found))


def _url(header: Header, base: str) -> str:
    return (
        f"{base}/studies/{header.study_instance_uid}/series/{header.series_instance_uid}"
        f"/instances/{header.sop_instance_uid}"
    )
