"""One accession number: ask the source, fetch each series, write down how far it is."""

import asyncio
import shutil
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import reading, transaction
from scanhub_libraries.ids import new_id
from scanhub_libraries.models.retrieval import SeriesFilter
from scanhub_libraries.wording import counted
from workflow_manager.cases.again import await_series, end_bringing, force_rule
from workflow_manager.cases.times import times_of
from workflow_manager.dicom.entries import Origin
from workflow_manager.dicom.models import DicomInstance, DicomSeries
from workflow_manager.retrieval.delivering import deliver
from workflow_manager.retrieval.inbox import Inbox, folder_of
from workflow_manager.retrieval.models import RetrievalAccession
from workflow_manager.retrieval.rules import (
    AccessionState,
    FoundSeries,
    SourceError,
    UnsupportedMethodError,
    select_series,
)
from workflow_manager.retrieval.sources import Source
from workflow_manager.retrieval.stopping import Stop
from workflow_manager.wiring import Wiring

Document = dict[str, Any]
_LONGEST_MOVE = timedelta(hours=6)
_LATE = timedelta(minutes=1)
"""What a source sent may enter the index a little later than it says that it is through."""


NO_ROOM = "There is too little room on the disk for more images."


async def has_room(wiring: Wiring) -> bool:
    """Say whether the disk has room for what is fetched; the last of it is for who sends here."""
    return await wiring.lake.free_bytes() >= wiring.settings.dicom_min_free_bytes


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be fetched, as it stood when the attempt began."""

    retrieval_id: UUID
    number: int
    attempt: int
    accession_number: str
    method: str
    folder: Path | None
    """Where it is delivered; None: it is received here."""
    filter: SeriesFilter
    forced_rule: str
    since: datetime
    """When the retrieval was asked for."""


class Fetching:
    """One attempt at one accession number."""

    def __init__(self, wiring: Wiring, order: Order, source: Source) -> None:
        self._wiring, self._order, self._source = wiring, order, source
        self._documents: list[Document] = []
        self._inbox: Inbox | None = None
        self._folder = folder_of(wiring.lake, order.retrieval_id, order.number)
        self.stop = Stop()

    @property
    def came(self) -> int:
        """How many images came so far."""
        inbox = self._inbox.came if self._inbox is not None else 0
        done: int = sum(document["retrieved"] for document in self._documents)
        return done + inbox

    async def run(self) -> str:
        """Fetch what is not there yet; return why it failed, or nothing."""
        await self._clear()
        try:
            wanted = await self._find()
        except SourceError as error:
            return str(error)
        try:
            await self._fetch_all(wanted)
        finally:
            await self._clear()
        return "It was stopped." if self.stop.is_set() else _summary(self._documents)

    async def _fetch_all(self, wanted: list[FoundSeries]) -> None:
        for number, series in enumerate(wanted):
            if self.stop.is_set():
                return
            document = self._documents[number]
            if document["done"]:
                continue
            document["error"] = await self._fetch(series, document) or None
            document["done"] = document["error"] is None
            await self._note()

    async def _clear(self) -> None:
        """Remove what lies in our folder: copies of what the source has, not handed on."""
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def _find(self) -> list[FoundSeries]:
        """Return what is wanted of what the source has.

        Raises:
            SourceError: It has nothing, or does not answer.
        """
        found = await self._source.find(self._order.accession_number, self.stop)
        if not found:
            raise SourceError("The source has no study with this accession number.")
        wanted = select_series(found, self._order.filter)
        if not wanted:
            raise SourceError(f"None of its {len(found)} series is what the filter asks for.")
        self._documents = await self._merged(wanted)
        await self._note()
        return wanted

    async def _merged(self, wanted: list[FoundSeries]) -> list[Document]:
        """Return the series as they are kept; what an earlier attempt fetched stays fetched."""
        async with reading(self._wiring.sessions) as session:
            row = await session.get_one(
                RetrievalAccession, (self._order.retrieval_id, self._order.number)
            )
        known = {_place(document): document for document in row.series if document["done"]}
        documents = []
        for series in wanted:
            document = series.document()
            before = known.get(_place(document))
            if before is not None and before["retrieved"] >= (series.instances or 0):
                document = before  # images that the source got since are fetched
            documents.append(document)
        return documents

    async def _fetch(self, series: FoundSeries, document: Document) -> str:
        """Fetch one series; return what is wrong, or nothing."""
        if not await has_room(self._wiring):
            return NO_ROOM
        try:
            if self._order.method == "c-move":
                return await self._move(series, document)
            try:
                return await self._get(series, document)
            except UnsupportedMethodError as error:
                if self._order.method != "auto":
                    raise
                if self._order.folder is not None:
                    why = "C-MOVE cannot be used with another destination."
                    raise SourceError(f"{error} {why}") from error
                return await self._move(series, document)
        except SourceError as error:
            return str(error)

    async def _get(self, series: FoundSeries, document: Document) -> str:
        order, wiring = self._order, self._wiring
        origin = replace(self._source.origin, forced_rule=order.forced_rule)
        place = (series.study_instance_uid, series.series_instance_uid)
        if order.folder is None and order.forced_rule:
            async with transaction(wiring.sessions) as session:
                await force_rule(session, [place], order.forced_rule)
        self._inbox = inbox = await self._new_inbox(origin)
        try:
            problem = await self._source.fetch(series, inbox, self.stop)
            if order.folder is not None:
                problem = problem or await asyncio.to_thread(
                    deliver, inbox.folder / "whole", order.folder, str(order.retrieval_id)
                )
        finally:
            self._inbox = None
            document["retrieved"] = inbox.came
        if order.folder is None and inbox.came:
            await self._end(place)
        if problem and inbox.problem and not inbox.aside:
            return inbox.problem  # the source only knows that we did not take it
        return problem or _missing(series, inbox)

    async def _new_inbox(self, origin: Origin) -> Inbox:
        order, wiring = self._order, self._wiring
        folder = self._folder / new_id().hex
        await asyncio.to_thread(folder.mkdir, parents=True)
        receiving = wiring.receiving if order.folder is None else None
        return Inbox(
            folder,
            receiving,
            origin,
            wiring.settings.dicom_durability,
            least_free_bytes=wiring.settings.dicom_min_free_bytes,
        )

    async def _move(self, series: FoundSeries, document: Document) -> str:
        """Let the source send it; what came is what the index says, not what the source says."""
        place = (series.study_instance_uid, series.series_instance_uid)
        await self._await(place, _LONGEST_MOVE)
        try:
            problem = await self._source.let_send(series, self.stop)
        except SourceError:
            await self._await(place, _LATE)
            raise
        document["retrieved"] = came = await self._count(place)
        await self._await(place, _LATE)
        if came and self._order.forced_rule:
            await self._end(place)
        if not came and not problem:
            problem = "The source says that it sent the images, but none came to our listener."
        wanted = series.instances or 0
        short = f"{came} of {counted(wanted, 'image')} came." if came < wanted else ""
        return problem or short

    async def _await(self, place: tuple[str, str], while_: timedelta) -> None:
        """Let the forced rule, if there is one, decide of what comes to the listener."""
        if self._order.forced_rule:
            async with transaction(self._wiring.sessions) as session:
                await await_series(session, [place], self._order.forced_rule, utc_now() + while_)

    async def _count(self, place: tuple[str, str]) -> int:
        """Return how many images of a series are here."""
        series = sa.tuple_(
            col(DicomSeries.study_instance_uid), col(DicomSeries.series_instance_uid)
        )
        query = (
            sa.select(sa.func.count())
            .select_from(DicomInstance)
            .join(DicomSeries, col(DicomSeries.id) == col(DicomInstance.series_id))
            .where(series == sa.tuple_(*place))
        )
        async with reading(self._wiring.sessions) as session:
            return await session.scalar(query) or 0

    async def _end(self, place: tuple[str, str]) -> None:
        order, times = self._order, times_of(self._wiring.settings)
        async with transaction(self._wiring.sessions) as session:
            await end_bringing(
                session, [place], rule=order.forced_rule, since=order.since, times=times
            )

    async def _note(self) -> None:
        """Write down how far it is, unless somebody else decided of it meanwhile."""
        order = self._order
        async with transaction(self._wiring.sessions) as session:
            row = await session.get_one(
                RetrievalAccession, (order.retrieval_id, order.number), with_for_update=True
            )
            if row.state is AccessionState.RUNNING and row.attempt == order.attempt:
                row.series, row.retrieved = [dict(d) for d in self._documents], self.came


def _place(document: Document) -> tuple[str, str]:
    return document["study_instance_uid"], document["series_instance_uid"]


def _missing(series: FoundSeries, inbox: Inbox) -> str:
    """Say what of a series did not come, or was not taken."""
    if inbox.aside:
        return f"{counted(inbox.aside, 'image was', 'images were')} kept aside: {inbox.problem}"
    if inbox.problem:
        return inbox.problem
    if series.instances is not None and inbox.came < series.instances:
        return f"{inbox.came} of {counted(series.instances, 'image')} came."
    return "" if inbox.came else "The source sent no image."


def _summary(documents: list[Document]) -> str:
    """Return why an accession number failed; nothing: it did not."""
    failed = [document["error"] for document in documents if document["error"]]
    if not failed:
        return ""
    if len(documents) == 1:
        return str(failed[0])
    return f"{len(failed)} of {len(documents)} series: {failed[0]}"
