"""STOW-RS: instances to a DICOMweb server, some in each request, a report of each instance."""

import json
import secrets
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

import httpx
from pydicom.dataset import Dataset

from scanhub_jobs.errors import DicomFileError, SendError
from scanhub_jobs.making.files import dicom_bytes
from scanhub_jobs.network.items import Item, Where
from scanhub_jobs.network.report import EchoResult, Outcome, SendReport
from scanhub_jobs.network.shipment import Shipment, Wish, ship
from scanhub_jobs.network.web import WebPeer

_AT_ONCE = 50
_PIECE = 1 << 18
_STORED, _FAILED = "00081199", "00081198"
_UID, _REASON, _WARNING = "00081155", "00081197", "00081196"
_CONFLICT = 409
_BUSY = frozenset((429, 502, 503, 504))
_AGAIN = range(0xA700, 0xA800)
_NOT_THIS_SYNTAX = 0xC122
_REASONS = {  # PS3.18 table I.2-2
    0x0110: "processing failed",
    0x0111: "it is there already, with other content",
    0x0122: "this SOP class is not supported",
    0x0124: "not authorized",
    0xA700: "out of resources",
    0xA900: "the data set does not match its SOP class",
    0xC000: "it cannot be understood",
    0xC122: "the transfer syntax is not supported",
}
_REFUSALS = frozenset((0x0122, 0x0124, 0xA700, 0xC122))
_LARGEST = 32 * 2**20
"""Bytes of an answer that are read."""


def store_items(
    peer: WebPeer,
    items: Any,
    *,
    where: Where | None,
    recursive: bool,
    transcode: bool,
    retries: int,
    backoff_s: float,
) -> SendReport:
    """Store what is meant; see `WebPeer.send`."""
    wish = Wish(where, recursive, transcode, retries, backoff_s)
    with _client(peer) as client:

        def attempt(shipment: Shipment, numbers: Sequence[int]) -> bool:
            groups = [numbers[n : n + _AT_ONCE] for n in range(0, len(numbers), _AT_ONCE)]
            reached = [_store(client, shipment, group, plain=False) for group in groups]
            return any(reached)

        _, report = ship(peer.name, items, wish, attempt)
    return report


def look(peer: WebPeer) -> EchoResult:
    """Search for one study; see `WebPeer.echo`."""
    began = time.monotonic()
    try:
        with _client(peer) as client:
            answer = client.get("studies", params={"limit": "1"})
    except (httpx.HTTPError, SendError) as error:
        return EchoResult(ok=False, reason=_why(error), elapsed_s=time.monotonic() - began)
    reason = "" if answer.is_success else f"The server answered HTTP {answer.status_code}."
    return EchoResult(
        ok=answer.is_success,
        status=answer.status_code,
        reason=reason,
        elapsed_s=time.monotonic() - began,
    )


def _client(peer: WebPeer) -> httpx.Client:
    """Return a client of the server.

    Raises:
        SendError: A certificate or a secret cannot be read.
    """
    headers = {"Accept": "application/dicom+json"}
    auth = None
    try:
        if peer.token_file is not None:
            headers["Authorization"] = f"Bearer {peer.token_file.read_text('utf-8').strip()}"
        if peer.user is not None:
            file = peer.password_file
            auth = (peer.user, "" if file is None else file.read_text("utf-8").rstrip("\r\n"))
        verify = ssl.create_default_context(cafile=peer.ca)
    except (OSError, ValueError) as error:
        raise SendError(f"Certificate or secret of {peer.name} cannot be read: {error}") from error
    return httpx.Client(
        base_url=f"{peer.url.rstrip('/')}/",
        headers=headers,
        auth=auth,
        verify=verify,
        timeout=httpx.Timeout(peer.timeout_s, connect=peer.connect_timeout_s),
    )


def _store(
    client: httpx.Client, shipment: Shipment, numbers: Sequence[int], *, plain: bool
) -> bool:
    """Store some in one request; say whether the server answered."""
    ready = [number for number in numbers if _readable(shipment, number, plain=plain)]
    if not ready:
        return True
    boundary = secrets.token_hex(16)
    kind = f'multipart/related; type="application/dicom"; boundary={boundary}'
    body = _body([shipment.items[number] for number in ready], boundary, plain=plain)
    try:
        with client.stream(
            "POST", "studies", content=body, headers={"Content-Type": kind}
        ) as answer:
            document = _document(answer)
    except httpx.HTTPError as error:
        for number in ready:
            shipment.note(number, Outcome.FAILED, _why(error), again=True)
        return False
    _conclude(shipment, ready, answer.status_code, document)
    other = [n for n in ready if shipment.reports[n].status == _NOT_THIS_SYNTAX]
    if other and shipment.wish.transcode and not plain:
        _store(client, shipment, other, plain=True)
    return True


def _readable(shipment: Shipment, number: int, *, plain: bool) -> bool:
    """Note what cannot be read, or not be decompressed, before the request begins."""
    item = shipment.items[number]
    try:
        if plain:
            _plain(item)
        elif item.dataset is None:
            item.read()
    except (DicomFileError, RuntimeError, ValueError, AttributeError) as error:
        shipment.note(number, Outcome.FAILED, str(error))
        return False
    return True


def _plain(item: Item) -> Dataset:
    found = deepcopy(item.read())
    found.decompress(generate_instance_uid=False)
    return found


def _body(items: Sequence[Item], boundary: str, *, plain: bool) -> Iterator[bytes]:
    """Give the parts of the request, a piece at a time; files as they are."""
    for item in items:
        yield f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        if plain:
            yield dicom_bytes(_plain(item))
        elif item.path is None:
            yield dicom_bytes(deepcopy(item.read()))
        else:
            with item.path.open("rb") as file:
                while piece := file.read(_PIECE):
                    yield piece
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()


def _document(answer: httpx.Response) -> Mapping[str, Any]:
    """Return the Store Instances Response (PS3.18 annex I), empty where it is none."""
    content = bytearray()
    for piece in answer.iter_bytes():
        content += piece
        if len(content) > _LARGEST:
            return {}
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _conclude(
    shipment: Shipment, numbers: Sequence[int], status: int, document: Mapping[str, Any]
) -> None:
    """Note what a response says of each instance."""
    stored, failed = _by_uid(document, _STORED), _by_uid(document, _FAILED)
    for number in numbers:
        uid = shipment.items[number].sop_instance_uid
        if uid in failed:
            reason = int(_value(failed[uid], _REASON) or 0)
            outcome = Outcome.REFUSED if reason in _REFUSALS else Outcome.FAILED
            words = _REASONS.get(reason, f"reason 0x{reason:04X}")
            told = f"The server does not store it: {words}."
            shipment.note(number, outcome, told, again=reason in _AGAIN, status=reason)
        elif uid in stored:
            warning = _value(stored[uid], _WARNING)
            told = "" if warning is None else f"The server stored it and minds 0x{warning:04X}."
            shipment.note(number, Outcome.WARNING if told else Outcome.SENT, told, status=status)
        else:
            told = f"The server answered HTTP {status} and says nothing of this instance."
            shipment.note(number, Outcome.FAILED, told, again=status in _BUSY, status=status)


def _by_uid(document: Mapping[str, Any], tag: str) -> dict[str, Mapping[str, Any]]:
    items = document.get(tag, {}).get("Value") or []
    return {str(_value(item, _UID)): item for item in items}


def _value(item: Mapping[str, Any], tag: str) -> Any:
    values = item.get(tag, {}).get("Value") or [None]
    return values[0]


def _why(error: Exception) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "The server did not answer in time."
    return f"The server cannot be reached: {error}" if str(error) else type(error).__name__
