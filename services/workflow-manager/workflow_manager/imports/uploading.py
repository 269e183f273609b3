"""Uploads: files go to disk as they come; when all are there, the import of them begins."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from python_multipart.multipart import parse_options_header

from scanhub_libraries.database import transaction
from scanhub_libraries.errors import (
    BadRequestError,
    InsufficientStorageError,
    PayloadTooLargeError,
    ScanHubError,
    UnsupportedMediaTypeError,
)
from scanhub_libraries.ids import new_id
from scanhub_libraries.threads import to_the_end
from workflow_manager.dicomweb.part_file import ReceivedPart
from workflow_manager.dicomweb.parts import PartsToDisk
from workflow_manager.imports import service
from workflow_manager.imports.models import ImageImport
from workflow_manager.imports.rules import MOST_PARTS, shown
from workflow_manager.imports.staging import open_folder
from workflow_manager.wiring import Wiring

_CHUNK = 1 << 20
_FORMS = frozenset({"multipart/form-data", "multipart/related"})
_WHOLE = frozenset({"application/zip", "application/x-zip-compressed", "application/dicom"})
_LOST = "The upload ended before all of it came."


@dataclass(frozen=True, slots=True)
class Upload:
    """What a request says of the files that it brings."""

    content_type: str
    filename: str
    forced_rule: str
    dataset: str
    actor: str


async def receive(wiring: Wiring, upload: Upload, body: AsyncIterator[bytes]) -> ImageImport:
    """Receive files and begin to import them.

    Nothing is taken in before all of it is here: what is cut short leaves nothing.

    Raises:
        UnsupportedMediaTypeError: The body is of another kind.
        BadRequestError: It cannot be read.
        InsufficientStorageError: There is no room for it.
        PayloadTooLargeError: It has too many parts, or one is too large.
    """
    import_id = new_id()
    folder = service.folder_of(wiring.lake, import_id)
    boundary = _boundary(upload.content_type)
    await _check_room(wiring)
    lock = await asyncio.to_thread(open_folder, folder)
    try:
        async with transaction(wiring.sessions) as session:
            await service.begin_upload(
                session,
                import_id,
                forced_rule=upload.forced_rule,
                dataset=upload.dataset,
                actor=upload.actor,
            )
        parts = PartsToDisk(
            folder,
            "part",
            boundary=boundary,
            media_type="",
            most_bytes=wiring.settings.import_max_bytes,
        )
        try:
            uploaded = await _to_disk(wiring, upload, parts, body)
        finally:
            await to_the_end(parts.discard)
        async with transaction(wiring.sessions) as session:
            row = await service.end_upload(session, import_id, uploaded)
    except BaseException as error:
        await asyncio.shield(_give_up(wiring, import_id, error))
        raise
    finally:
        os.close(lock)
    return row


def _boundary(content_type: str) -> str | None:
    """Return what is between the files of a body; None: it is one file.

    Raises:
        UnsupportedMediaTypeError: It is of another kind.
        BadRequestError: It names no boundary.
    """
    kind, options = parse_options_header(content_type)
    name = kind.decode("latin-1").lower()
    if name in _WHOLE:
        return None
    if name not in _FORMS:
        raise UnsupportedMediaTypeError(
            "Send files as multipart/form-data, or one file as application/zip or "
            "application/dicom."
        )
    boundary = options.get(b"boundary", b"").decode("latin-1")
    if not boundary or len(boundary) > 200:  # noqa: PLR2004 - RFC 2046 has 70, some more
        raise BadRequestError("Content-Type: name a boundary.", field="Content-Type")
    return boundary


async def _check_room(wiring: Wiring) -> None:
    if await wiring.lake.free_bytes() < wiring.settings.dicom_min_free_bytes:
        raise InsufficientStorageError("There is too little room on the disk for more images.")


async def _to_disk(
    wiring: Wiring, upload: Upload, parts: PartsToDisk, body: AsyncIterator[bytes]
) -> list[dict[str, Any]]:
    """Write a body to disk; return its files with their names."""
    uploaded: list[dict[str, Any]] = []
    received = bytearray()
    try:
        async for chunk in body:
            received += chunk
            if len(received) >= _CHUNK:
                uploaded += await to_the_end(_feed, upload, parts, bytes(received), False)
                received.clear()
                await _check_room(wiring)
            if len(uploaded) > MOST_PARTS:
                raise PayloadTooLargeError(f"An upload has at most {MOST_PARTS} files: zip them.")
        uploaded += await to_the_end(_feed, upload, parts, bytes(received), True)
    except OSError as error:
        raise InsufficientStorageError(
            f"The upload cannot be written: {error.strerror}."
        ) from error
    if not uploaded:
        raise BadRequestError("There is no file in the body.")
    return uploaded


def _feed(upload: Upload, parts: PartsToDisk, data: bytes, last: bool) -> list[dict[str, Any]]:
    """Write bytes; return the files that they end, synced, with their names. Blocking."""
    parts.feed(data, last)
    return _named(upload, parts.taken())


def _named(upload: Upload, parts: Sequence[ReceivedPart]) -> list[dict[str, Any]]:
    """Return files with the names that the form gives them; fields of a form are no files."""
    files = []
    for number, part in enumerate(parts, 1):
        path = part.sync()
        _, options = parse_options_header(part.disposition)
        given = options.get(b"filename", b"").decode("utf-8", "replace")
        if not given and b"name" in options:
            continue
        name = shown(given or upload.filename or f"file {number}")
        files.append({"file": path.name, "name": name})
    return files


async def _give_up(wiring: Wiring, import_id: UUID, error: BaseException) -> None:
    """Say what ended an upload, and remove what came of it."""
    reason = error.detail if isinstance(error, ScanHubError) else _LOST
    async with transaction(wiring.sessions) as session:
        if await session.get(ImageImport, import_id) is not None:
            await service.give_up_upload(session, import_id, reason)
    await asyncio.to_thread(service.remove_folder, service.folder_of(wiring.lake, import_id))
