"""One short durable workflow per attempt at an accession number; after a crash it goes on."""

import asyncio
from pathlib import Path
from uuid import UUID

from scanhub_libraries.database import reading, transaction
from scanhub_libraries.errors import NotFoundError, ScanHubError
from scanhub_libraries.logging import get_logger
from scanhub_libraries.models.retrieval import SeriesFilter
from workflow_manager.engine import Answer, WorkflowBody
from workflow_manager.retrieval.delivering import mark_complete
from workflow_manager.retrieval.fetching import Fetching, Order
from workflow_manager.retrieval.models import Retrieval, RetrievalAccession
from workflow_manager.retrieval.repository import has_other_missing
from workflow_manager.retrieval.rules import AccessionState, SourceError
from workflow_manager.retrieval.service import ATTEMPTS, conclude, get_retrieval
from workflow_manager.retrieval.sources import Source, make_source
from workflow_manager.targets.models import Target
from workflow_manager.targets.service import document_of, get_target
from workflow_manager.wiring import Wiring

logger = get_logger(__name__)
_LOOK_S = 1.0


class RetrievalSteps:
    """The one step of an attempt."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring

    async def fetch(self, key: str) -> Answer:
        """Fetch what is not there yet, and write down what became of it."""
        retrieval_id, number, attempt = parse_key(key)
        if not await self._is_wanted(retrieval_id, number, attempt):
            return {}  # canceled, or it ended just before a crash
        order: Order | None = None
        try:
            order, source = await self._prepare(retrieval_id, number, attempt)
            reason = await self._watch(Fetching(self._wiring, order, source), order)
            reason = reason or await self._complete_folder(order)
        except (SourceError, ScanHubError) as error:
            reason = str(error)
        except Exception as error:
            logger.exception("fetching failed in a way nobody thought of", id=str(retrieval_id))
            reason = f"Unexpected error ({type(error).__name__}): the log of the service has more."
        await finish(self._wiring, retrieval_id, number, attempt, reason)
        if order is not None and not reason:
            await self._complete_folder(order)  # two that ended at once each saw the other
        return {}

    async def _is_wanted(self, retrieval_id: UUID, number: int, attempt: int) -> bool:
        async with reading(self._wiring.sessions) as session:
            row = await session.get(RetrievalAccession, (retrieval_id, number))
        running = row is not None and row.state is AccessionState.RUNNING
        return running and row is not None and row.attempt == attempt

    async def _prepare(self, retrieval_id: UUID, number: int, attempt: int) -> tuple[Order, Source]:
        async with reading(self._wiring.sessions) as session:
            retrieval = await get_retrieval(session, retrieval_id)
            row = await session.get_one(RetrievalAccession, (retrieval_id, number))
            target = await get_target(session, retrieval.source)
            folder = await session.get(Target, retrieval.destination)
        source = make_source(document_of(target, self._wiring.secret_box), self._wiring.settings)
        order = Order(
            retrieval_id=retrieval_id,
            number=number,
            attempt=attempt,
            accession_number=row.accession_number,
            method=retrieval.method,
            folder=_folder_of(retrieval, folder),
            filter=SeriesFilter.model_validate(retrieval.filter),
            forced_rule=retrieval.forced_rule,
            since=retrieval.created_at,
        )
        return order, source

    async def _watch(self, fetching: Fetching, order: Order) -> str:
        """Fetch; note how many images came; end it when nobody wants it any more."""
        task = asyncio.create_task(fetching.run())
        noted = 0
        try:
            while not (await asyncio.wait({task}, timeout=_LOOK_S))[0]:
                if not await self._is_wanted(order.retrieval_id, order.number, order.attempt):
                    await asyncio.to_thread(fetching.stop.set)
                elif fetching.came != noted:
                    noted = fetching.came
                    await self._note(order, noted)
            return await task
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})

    async def _note(self, order: Order, came: int) -> None:
        async with transaction(self._wiring.sessions) as session:
            row = await session.get_one(
                RetrievalAccession, (order.retrieval_id, order.number), with_for_update=True
            )
            if row.state is AccessionState.RUNNING and row.attempt == order.attempt:
                row.retrieved = came

    async def _complete_folder(self, order: Order) -> str:
        """Say in the folder that all is there, when this was the last one and none failed."""
        if order.folder is None:
            return ""
        async with reading(self._wiring.sessions) as session:
            if await has_other_missing(session, order.retrieval_id, order.number):
                return ""
        return await asyncio.to_thread(mark_complete, order.folder, str(order.retrieval_id))


async def finish(
    wiring: Wiring, retrieval_id: UUID, number: int, attempt: int, reason: str
) -> None:
    """Write down what became of an attempt, unless somebody decided of it meanwhile.

    Args:
        wiring: The database.
        retrieval_id: Which retrieval.
        number: Which accession number of it.
        attempt: Which attempt.
        reason: Why it failed; empty: it has not.
    """
    async with transaction(wiring.sessions) as session:
        retrieval = await get_retrieval(session, retrieval_id, lock=True)
        row = await session.get_one(
            RetrievalAccession, (retrieval_id, number), populate_existing=True
        )
        if row.state is AccessionState.RUNNING and row.attempt == attempt:
            await conclude(session, retrieval, row, reason)


def _folder_of(retrieval: Retrieval, target: Target | None) -> Path | None:
    if not retrieval.destination:
        return None
    if target is None or target.target_type != "folder":
        raise NotFoundError(f"There is no folder target {retrieval.destination!r}.")
    return Path(target.document["folder"])


def parse_key(key: str) -> tuple[UUID, int, int]:
    """Return id, number and attempt of a key."""
    retrieval_id, number, attempt = key.split(":")
    return UUID(retrieval_id), int(number), int(attempt)


def retrieval_workflow(do: RetrievalSteps) -> WorkflowBody:
    """Return the workflow function of an attempt."""
    return ATTEMPTS.workflow("fetch", do.fetch)
