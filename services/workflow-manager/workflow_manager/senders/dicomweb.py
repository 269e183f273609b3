"""A DICOMweb server: STOW-RS, streamed from the files (PS3.18 section 10.5)."""

import asyncio
import secrets
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info

from scanhub_libraries.models import TargetStep
from scanhub_libraries.models.target import DicomWebTarget
from scanhub_libraries.threads import to_the_end
from workflow_manager.senders.http import STEP_OF, address_of, web_client, why_no_answer
from workflow_manager.senders.port import Item, Pace, SendReport, Shipment
from workflow_manager.senders.reach import reach
from workflow_manager.senders.transcoder import (
    NoPixelsError,
    TranscodeError,
    Transcoder,
    Transcoding,
)

_AT_ONCE_FILES = 100
_AT_ONCE_BYTES = 256 * 2**20
_CHUNK = 1 << 18
_LARGEST_ANSWER = 32 * 2**20
_OK, _ACCEPTED, _CONFLICT = 200, 202, 409
_FAILURES = {  # PS3.18 table I.2-2
    0x0110: "processing failed",
    0x0111: "it is there already, with other content",
    0x0122: "this SOP class is not supported",
    0x0124: "not authorized",
    0xA700: "out of resources",
    0xA900: "the data set does not match its SOP class",
    0xC000: "it cannot be understood",
    0xC122: "the transfer syntax is not supported",
}


class DicomWebSender:
    """Stores with STOW-RS; the answer tells of each instance."""

    whole = False

    def __init__(
        self,
        target: DicomWebTarget,
        pace: Pace,
        *,
        transcoding: Transcoding,
        connect_timeout_s: float,
        timeout_s: float,
    ) -> None:
        self._target = target
        self._transcoding = transcoding
        self._pace = pace
        self._connect_timeout_s = connect_timeout_s
        self._timeout = httpx.Timeout(timeout_s, connect=connect_timeout_s)

    async def send(self, shipment: Shipment, report: SendReport) -> None:
        """Store instances, some hundred in a request."""
        try:
            client = self._client()
        except (ssl.SSLError, ValueError) as error:
            report.fail_rest(shipment.items, f"The CA certificate cannot be read: {error}")
            return
        transcoder = Transcoder(self._transcoding, report.stop)
        encoded = _Encoded(transcoder, self._target.transfer_syntaxes, report)
        try:
            async with client:
                for group in await asyncio.to_thread(lambda: list(_groups(shipment.items, report))):
                    if report.stop.is_set():
                        return
                    await self._store(client, group, report, encoded)
        finally:
            await to_the_end(transcoder.close)

    async def test(self) -> list[TargetStep]:
        """Connect, then search for one study."""
        url = httpx.URL(self._target.url)
        port = url.port or (443 if url.scheme == "https" else 80)
        steps = await reach(url.host, port, self._connect_timeout_s)
        if not steps[-1].ok:
            return steps
        try:
            async with self._client() as client:
                place = address_of(self._target, self._target.qido_url_prefix)
                answer = await client.get(
                    place, params={"limit": "1"}, headers={"Accept": "application/dicom+json"}
                )
        except (httpx.HTTPError, ssl.SSLError, ValueError) as error:
            step = TargetStep(name="tls", ok=False, detail=why_no_answer(error))
            return [*steps, step]
        name, detail = STEP_OF.get(answer.status_code, ("search", ""))
        detail = detail or f"The server answered the search with HTTP {answer.status_code}."
        return [*steps, TargetStep(name=name, ok=answer.is_success, detail=detail)]

    def _client(self) -> httpx.AsyncClient:
        return web_client(self._target, self._timeout)

    async def _store(
        self,
        client: httpx.AsyncClient,
        group: Sequence[Item],
        report: SendReport,
        encoded: "_Encoded",
    ) -> None:
        boundary = secrets.token_hex(16)
        kind = f'multipart/related; type="application/dicom"; boundary={boundary}'
        try:
            async with client.stream(
                "POST",
                address_of(self._target, self._target.stow_url_prefix),
                headers={"Content-Type": kind, "Accept": "application/dicom+json"},
                content=self._body(group, boundary, encoded),
            ) as answer:
                document = await _read(answer)
        except (httpx.HTTPError, ValueError) as error:
            report.fail_rest(group, why_no_answer(error))
            return
        except OSError as error:
            report.fail_rest(group, f"A file cannot be read: {error.strerror}.")
            return
        _conclude(group, answer.status_code, document, report, encoded.syntaxes)

    async def _body(
        self, group: Sequence[Item], boundary: str, encoded: "_Encoded"
    ) -> AsyncIterator[bytes]:
        for item in group:
            path = await to_the_end(encoded.path_of, item)
            if path is None:
                continue  # the report says why
            yield f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
            with await asyncio.to_thread(path.open, "rb") as file:
                while chunk := await asyncio.to_thread(file.read, self._pace.at_once(_CHUNK)):
                    await self._pace.wait(len(chunk))
                    yield chunk
            yield b"\r\n"
        yield f"--{boundary}--\r\n".encode()


class _Encoded:
    """The files of instances as the target wants them; each is there until the next one."""

    def __init__(self, transcoder: Transcoder, wanted: Sequence[str], report: SendReport) -> None:
        self._transcoder = transcoder
        self._wanted = wanted
        self._report = report
        self.syntaxes: dict[str, str] = {}
        """What was made of which instance."""

    def path_of(self, item: Item) -> Path | None:
        """Return the file to send; None: there is none, and the report says why. Blocking."""
        if not self._wanted:
            return item.path
        uid = item.sop_instance_uid
        try:
            stored = str(read_file_meta_info(item.path).TransferSyntaxUID)
            path, chosen = self._transcoder.wanted_file(
                item.path, stored, self._wanted, self._wanted
            )
        except NoPixelsError:  # such encodings are for images
            return item.path
        except (TranscodeError, AttributeError, InvalidDicomError) as error:
            told = isinstance(error, TranscodeError)
            self._report.failed[uid] = str(error) if told else "The file cannot be read."
            return None
        if chosen != stored:
            self.syntaxes[uid] = chosen
        return path


def _groups(items: Sequence[Item], report: SendReport) -> Iterator[list[Item]]:
    group: list[Item] = []
    size = 0
    for item in items:
        try:
            size += item.path.stat().st_size
        except OSError as error:
            report.failed[item.sop_instance_uid] = f"The file cannot be read: {error.strerror}."
            continue
        group.append(item)
        if len(group) >= _AT_ONCE_FILES or size >= _AT_ONCE_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


async def _read(answer: httpx.Response) -> dict[str, Any]:
    """Return the Store Instances Response, if it is one that can be read."""
    content = bytearray()
    async for chunk in answer.aiter_bytes():
        content += chunk
        if len(content) > _LARGEST_ANSWER:
            raise ValueError("the answer has no end")
    if "json" not in answer.headers.get("Content-Type", ""):
        return {}
    try:
        document = httpx.Response(200, content=bytes(content)).json()
    except ValueError:
        return {}
    if isinstance(document, list) and document:
        document = document[0]
    return document if isinstance(document, dict) else {}


def _conclude(
    group: Sequence[Item],
    status: int,
    document: dict[str, Any],
    report: SendReport,
    transcoded: Mapping[str, str],
) -> None:
    """Note what the answer says of each instance.

    Sent is what stands in the ReferencedSOPSequence (0008,1199); without a document, what a 200
    says of all of them.
    """
    stored = {_text(entry, "00081155") for entry in _items(document, "00081199")}
    failed = {_text(entry, "00081155"): entry for entry in _items(document, "00081198")}
    for item in group:
        uid = item.sop_instance_uid
        if uid in report.failed:
            continue  # it was not sent
        if uid in failed:
            code = _number(failed[uid], "00081197")
            reason = _FAILURES.get(code, f"0x{code:04X}")
            report.failed[uid] = f"The server did not store it: {reason}."
        elif uid in stored or (status == _OK and not document):
            if uid in transcoded:
                report.transcoded[uid] = transcoded[uid]
            report.sent.append(uid)
        elif status in {_OK, _ACCEPTED, _CONFLICT}:
            report.failed[uid] = "The server did not say that it stored it."
        else:
            _, detail = STEP_OF.get(status, ("", f"The server answered HTTP {status}."))
            report.failed[uid] = detail


def _items(document: dict[str, Any], tag: str) -> list[dict[str, Any]]:
    element = document.get(tag)
    value = element.get("Value") if isinstance(element, dict) else None
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _first(entry: dict[str, Any], tag: str) -> Any:
    element = entry.get(tag)
    value = element.get("Value") if isinstance(element, dict) else None
    return value[0] if isinstance(value, list) and value else None


def _text(entry: dict[str, Any], tag: str) -> str:
    return str(_first(entry, tag) or "").strip("\0 ")


def _number(entry: dict[str, Any], tag: str) -> int:
    value = _first(entry, tag)
    return value if isinstance(value, int) else 0
