"""A DICOMweb server as a source: QIDO-RS, then WADO-RS (PS3.18 sections 10.6 and 10.4)."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any, TypeVar

import httpx
from python_multipart.multipart import parse_options_header

from scanhub_libraries.errors import ScanHubError
from scanhub_libraries.ids import new_id
from scanhub_libraries.models.target import DicomWebTarget
from scanhub_libraries.threads import to_the_end
from workflow_manager.dicom.entries import Origin
from workflow_manager.dicomweb.part_file import ReceivedPart
from workflow_manager.dicomweb.parts import PartsToDisk
from workflow_manager.retrieval.inbox import Inbox
from workflow_manager.retrieval.rules import FoundSeries, SourceError, UnsupportedMethodError
from workflow_manager.retrieval.stopping import Stop
from workflow_manager.senders.http import STEP_OF, address_of, web_client, why_no_answer
from workflow_manager.settings import WorkflowManagerSettings

Json = dict[str, Any]
T = TypeVar("T")
_CHUNK = 1 << 20
_PAGE = 200
_MOST_SERIES = 5_000
_LARGEST_PAGE = 32 * 2**20
_JSON = {"Accept": "application/dicom+json"}
_FILES = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}
_OK, _NOTHING, _FORBIDDEN = 200, 204, 403
_TAGS = {  # PS3.6
    "AccessionNumber": "00080050",
    "StudyInstanceUID": "0020000D",
    "SeriesInstanceUID": "0020000E",
    "StudyDate": "00080020",
    "StudyDescription": "00081030",
    "Modality": "00080060",
    "SeriesDescription": "0008103E",
    "NumberOfSeriesRelatedInstances": "00201209",
}


class WebSource:
    """Asks and fetches over HTTP."""

    def __init__(self, target: DicomWebTarget, settings: WorkflowManagerSettings) -> None:
        self._target = target
        connect_s, silence_s = settings.connect_timeout_s, settings.retrieval_silence_s
        self._timeout = httpx.Timeout(silence_s, connect=connect_s)
        self._most_bytes = settings.dicomweb_max_instance_bytes
        host = httpx.URL(target.url).host
        self.origin = Origin(target.name[:64], sender_address=host)

    async def find(self, accession_number: str, stop: Stop) -> list[FoundSeries]:
        """Ask with QIDO-RS."""
        return await _until_stopped(self._find(accession_number), stop)

    async def fetch(self, series: FoundSeries, inbox: Inbox, stop: Stop) -> str:
        """Fetch with WADO-RS, as it is stored there."""
        await _until_stopped(self._fetch(series, inbox), stop)
        return ""

    async def let_send(self, series: FoundSeries, stop: Stop) -> str:  # noqa: ARG002 - as others
        """Say that a DICOMweb server sends nothing by itself."""
        raise UnsupportedMethodError("A DICOMweb server has no C-MOVE.")

    def _client(self) -> httpx.AsyncClient:
        try:
            return web_client(self._target, self._timeout)
        except (ssl.SSLError, ValueError) as error:
            raise SourceError(f"The CA certificate cannot be read: {error}") from error

    async def _find(self, accession_number: str) -> list[FoundSeries]:
        studies = address_of(self._target, self._target.qido_url_prefix)
        wanted = {"AccessionNumber": accession_number, "includefield": "StudyDescription"}
        found: list[FoundSeries] = []
        async with self._client() as client:
            for study in await _search(client, studies, wanted):
                # Some servers ignore a key that they do not know, and answer with all they have.
                if _text(study, "AccessionNumber").casefold() != accession_number.casefold():
                    continue
                uid = _text(study, "StudyInstanceUID")
                fields = {"includefield": "SeriesDescription,NumberOfSeriesRelatedInstances"}
                answers = await _search(client, f"{studies}/{_checked(uid)}/series", fields)
                found += [_found(study, series) for series in answers]
        return found

    async def _fetch(self, series: FoundSeries, inbox: Inbox) -> None:
        studies = address_of(self._target, self._target.wado_url_prefix)
        study, uid = _checked(series.study_instance_uid), _checked(series.series_instance_uid)
        try:
            async with (
                self._client() as client,
                client.stream("GET", f"{studies}/{study}/series/{uid}", headers=_FILES) as answer,
            ):
                if answer.status_code != _OK:
                    raise SourceError(_refusal(answer))
                await self._to_disk(answer, inbox)
        except (httpx.HTTPError, ssl.SSLError) as error:
            raise SourceError(why_no_answer(error)) from error
        except ScanHubError as error:  # the body breaks off, or is none
            raise SourceError(f"The answer cannot be used: {error.detail}") from error
        except OSError as error:
            raise SourceError(f"The disk does not take it: {error.strerror}.") from error
        finally:
            await to_the_end(inbox.finish)

    async def _to_disk(self, answer: httpx.Response, inbox: Inbox) -> None:
        """Write the parts of an answer; each is handed on as soon as it is whole."""
        kind, options = parse_options_header(
            answer.headers.get("Content-Type", "").encode("latin-1", "replace")
        )
        boundary = options.get(b"boundary", b"").decode("latin-1")
        if kind != b"multipart/related" or not boundary:
            raise SourceError("The server did not answer with DICOM files.")
        parts = PartsToDisk(
            inbox.folder,
            f"wado-{new_id().hex}",
            boundary=boundary,
            media_type="",
            most_bytes=self._most_bytes,
        )
        try:
            async for chunk, last in _gathered(answer.aiter_bytes()):
                await to_the_end(inbox.check_room)
                await to_the_end(parts.feed, chunk, last)
                await _hand_on(inbox, parts.taken())
        finally:
            await to_the_end(parts.discard)
            await _hand_on(inbox, parts.taken())


async def _hand_on(inbox: Inbox, parts: Sequence[ReceivedPart]) -> None:
    for part in parts:
        await to_the_end(_take, inbox, part)


def _take(inbox: Inbox, part: ReceivedPart) -> None:
    inbox.take_file(part.sync())


async def _gathered(chunks: AsyncIterator[bytes]) -> AsyncIterator[tuple[bytes, bool]]:
    """Give the bytes of a body about a megabyte at a time, and say the last ones."""
    waiting = bytearray()
    async for chunk in chunks:
        waiting += chunk
        if len(waiting) >= _CHUNK:
            yield bytes(waiting), False
            waiting.clear()
    yield bytes(waiting), True


async def _until_stopped(work: Coroutine[Any, Any, T], stop: Stop) -> T:
    """Do something until it is done, or somebody stops it."""
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)
    stop.ends(lambda: loop.call_soon_threadsafe(task.cancel))
    try:
        return await task
    except asyncio.CancelledError:
        if stop.is_set():
            raise SourceError("It was stopped.") from None
        raise
    finally:
        stop.ends(None)


async def _search(client: httpx.AsyncClient, url: str, wanted: dict[str, str]) -> list[Json]:
    """Return everything that a search finds, page by page.

    Raises:
        SourceError: The server does not answer, or refuses.
    """
    found: list[Json] = []
    seen: set[str] = set()
    while True:
        page = await _page(client, url, {**wanted, "limit": str(_PAGE), "offset": str(len(found))})
        new = [item for item in page if _identity(item) not in seen]
        if not new:  # servers have limits of their own: only an empty page is the end
            return found
        seen.update(_identity(item) for item in new)
        found += new
        if len(found) > _MOST_SERIES:
            raise SourceError(f"The server has more than {_MOST_SERIES} answers.")


async def _page(client: httpx.AsyncClient, url: str, query: dict[str, str]) -> list[Json]:
    try:
        async with client.stream("GET", url, params=query, headers=_JSON) as answer:
            if answer.status_code == _NOTHING:
                return []
            if answer.status_code != _OK:
                raise SourceError(_refusal(answer))
            content = bytearray()
            async for chunk in answer.aiter_bytes():
                content += chunk
                if len(content) > _LARGEST_PAGE:
                    raise SourceError("The answer to a search has no end.")
        document = httpx.Response(_OK, content=bytes(content)).json()
    except (httpx.HTTPError, ssl.SSLError, ValueError) as error:
        raise SourceError(why_no_answer(error)) from error
    if not isinstance(document, list):
        raise SourceError("The server did not answer the search with a list.")
    return [item for item in document if isinstance(item, dict)]


def _refusal(answer: httpx.Response) -> str:
    known = STEP_OF.get(answer.status_code)
    return known[1] if known else f"The server answered HTTP {answer.status_code}."


def _found(study: Json, series: Json) -> FoundSeries:
    count = _text(series, "NumberOfSeriesRelatedInstances")
    return FoundSeries(
        study_instance_uid=_text(study, "StudyInstanceUID"),
        series_instance_uid=_text(series, "SeriesInstanceUID"),
        modality=_text(series, "Modality"),
        series_description=_text(series, "SeriesDescription"),
        study_date=_text(study, "StudyDate"),
        study_description=_text(study, "StudyDescription"),
        instances=int(count) if count.isdecimal() else None,
    )


def _identity(item: Json) -> str:
    return f"{_text(item, 'StudyInstanceUID')} {_text(item, 'SeriesInstanceUID')}"


def _text(item: Json, keyword: str) -> str:
    element = item.get(_TAGS[keyword])
    value = element.get("Value") if isinstance(element, dict) else None
    first = value[0] if isinstance(value, list) and value else None
    return "" if first is None or isinstance(first, dict) else str(first).strip()


def _checked(uid: str) -> str:
    """Return a UID that can be part of an address; the server told it, so it is not believed."""
    if not uid or len(uid) > 64 or not uid.replace(".", "").isdecimal():  # noqa: PLR2004 - PS3.5 9.1
        raise SourceError("The server told a UID that is none.")
    return uid
