"""STOW-RS (PS3.18 section 10.5): store what comes, and say of each instance what became of it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanhub_libraries.errors import (
    BadRequestError,
    InsufficientStorageError,
    UnsupportedMediaTypeError,
)
from scanhub_libraries.ids import new_id
from scanhub_libraries.logging import get_logger
from scanhub_libraries.threads import to_the_end
from workflow_manager.dicom.entries import Origin, Outcome
from workflow_manager.dicom.part10 import Header, read_header
from workflow_manager.dicom.receiving import Arrived, Receiving
from workflow_manager.dicom.rules import NotStorableError
from workflow_manager.dicomweb import rules
from workflow_manager.dicomweb.json_model import json_of_values
from workflow_manager.dicomweb.parts import PartsToDisk, ReceivedPart

logger = get_logger(__name__)
_AT_ONCE = 64
"""Instances whose index waits for its commit."""
_CHUNK = 1 << 20
# Failure reasons (PS3.18 table I.2-2, PS3.4 section GG.4.2).
PROCESSING_FAILURE, DUPLICATE_UID = 0x0110, 0x0111
WRONG_STUDY, CANNOT_UNDERSTAND = 0xA900, 0xC000


@dataclass(frozen=True, slots=True)
class Desk:
    """Where instances are brought: what indexes them, and a folder for their files."""

    receiving: Receiving
    folder: Path


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a part."""

    header: Header | None
    reason: int | None = None
    """Failure reason; None: it is stored."""


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
    parts = parts_to_disk(request, desk.folder)
    turns = asyncio.Semaphore(_AT_ONCE)
    tasks: list[asyncio.Task[Result]] = []

    async def take(done: Sequence[ReceivedPart]) -> None:
        for part in done:
            await turns.acquire()
            task = asyncio.create_task(_store_part(desk.receiving, request, part))
            task.add_done_callback(lambda _: turns.release())
            tasks.append(task)

    try:
        async for chunk in _gathered(body):
            await take(await to_the_end(parts.feed, chunk))
        await take(await to_the_end(parts.close))
    except OSError as error:
        raise InsufficientStorageError(
            f"The instance cannot be written: {error.strerror}."
        ) from error
    finally:
        await to_the_end(parts.discard)
        if tasks:
            await asyncio.shield(asyncio.wait(tasks))
    if not tasks:
        raise BadRequestError("There is no instance in the body.")
    return [task.result() for task in tasks]


async def _gathered(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Give the bytes of a body about a megabyte at a time: each goes to a thread."""
    waiting: list[bytes] = []
    size = 0
    async for chunk in body:
        waiting.append(chunk)
        size += len(chunk)
        if size >= _CHUNK:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)


async def _store_part(receiving: Receiving, request: Request, part: ReceivedPart) -> Result:
    """Store a part; whatever goes wrong with it costs no other one."""
    header: Header | None = None
    try:
        problem = ""
        try:
            header = await asyncio.to_thread(read_header, part.path)
        except NotStorableError as error:
            problem = str(error)
        if header is not None and request.study not in {None, header.study_instance_uid}:
            await asyncio.to_thread(part.path.unlink)
            return Result(header, WRONG_STUDY)
        sha256 = part.sha256 if header is None else header.sha256
        stored = await receiving.store(Arrived(part.path, request.origin, sha256, header, problem))
    except Exception as error:
        logger.exception("an instance could not be stored", error=repr(error))
        return Result(header, PROCESSING_FAILURE)
    match stored.outcome:
        case Outcome.CONFLICT:
            return Result(header, DUPLICATE_UID)
        case Outcome.QUARANTINED:
            return Result(None, CANNOT_UNDERSTAND)
        case _:
            return Result(header)


def status_of(results: Sequence[Result]) -> int:
    """Return the status of the answer (PS3.18 table 10.5.3-1)."""
    failed = [result for result in results if result.reason is not None]
    if not failed:
        return 200
    return 202 if len(failed) < len(results) else 409


def answer_of(results: Sequence[Result], base: str) -> dict[str, Any]:
    """Return what became of the instances (PS3.18 section I.2)."""
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
    return json_of_values(found)


def _url(header: Header, base: str) -> str:
    return (
        f"{base}/studies/{header.study_instance_uid}/series/{header.series_instance_uid}"
        f"/instances/{header.sop_instance_uid}"
    )
