"""Routes of retrievals."""

from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request

from scanhub_libraries.models.retrieval import (
    AccessionOut,
    AccessionPage,
    FoundAccession,
    RetrievalIn,
    RetrievalOut,
    RetrievalQuery,
)
from scanhub_libraries.web import PrincipalDep, SessionDep
from workflow_manager.retrieval import repository, searching, service
from workflow_manager.retrieval.fetching import has_room
from workflow_manager.retrieval.models import Retrieval
from workflow_manager.retrieval.rules import AccessionState, RetrievalState

router = APIRouter(prefix="/api/v1/workflowmanager", tags=["retrievals"])
State = Literal["running", "paused", "done", "failed", "canceled"]
StateOfOne = Literal["queued", "running", "done", "failed", "canceled"]


async def _out(request: Request, session: SessionDep, row: Retrieval) -> RetrievalOut:
    return (await _all_out(request, session, [row]))[0]


async def _all_out(
    request: Request, session: SessionDep, rows: Sequence[Retrieval]
) -> list[RetrievalOut]:
    wiring = request.app.state.wiring
    room = await has_room(wiring)
    return await service.describe(session, rows, wiring.settings.offpeak, has_room=room)


@router.get("/retrievals", summary="List what is fetched from other systems")
async def list_retrievals(
    request: Request,
    session: SessionDep,
    *,
    state: Annotated[State | None, Query(description="Only those in this state")] = None,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[RetrievalOut]:
    """Return retrievals, newest first, with how far each is."""
    wanted = RetrievalState(state) if state is not None else None
    rows = await repository.list_retrievals(session, state=wanted, after=after, limit=limit)
    return await _all_out(request, session, rows)


@router.post("/retrievals", status_code=201, summary="Fetch studies by accession number")
async def start_retrieval(
    request: Request, session: SessionDep, principal: PrincipalDep, wanted: RetrievalIn
) -> RetrievalOut:
    """Fetch the studies of a list of accession numbers, one by one.

    One that fails does not hold up the others. The list may be given as text or CSV too.
    """
    row = await service.start_retrieval(session, wanted, actor=principal.actor)
    return await _out(request, session, row)


@router.post("/retrievals/search", summary="Ask a source what it has")
async def search_source(
    request: Request, session: SessionDep, wanted: RetrievalQuery
) -> list[FoundAccession]:
    """Return the series that would be fetched; nothing is fetched. 50 accession numbers at most."""
    return await searching.search_source(session, request.app.state.wiring, wanted)


@router.get("/retrievals/{retrieval_id}", summary="Return a retrieval")
async def get_retrieval(request: Request, session: SessionDep, retrieval_id: UUID) -> RetrievalOut:
    """Return how far a retrieval is."""
    return await _out(request, session, await service.get_retrieval(session, retrieval_id))


@router.get("/retrievals/{retrieval_id}/accessions", summary="List what became of each study")
async def list_accessions(
    session: SessionDep,
    retrieval_id: UUID,
    *,
    state: Annotated[StateOfOne | None, Query(description="Only those in this state")] = None,
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> AccessionPage:
    """Return accession numbers in their order: found, fetched, or failed with the reason."""
    await service.get_retrieval(session, retrieval_id)
    wanted = AccessionState(state) if state is not None else None
    rows = await repository.list_accessions(
        session, retrieval_id, state=wanted, after=after, limit=limit
    )
    items: list[AccessionOut] = [service.describe_accession(row) for row in rows]
    return AccessionPage(items=items, next=items[-1].number if len(items) == limit else None)


@router.post("/retrievals/{retrieval_id}/pause", summary="Pause a retrieval")
async def pause_retrieval(
    request: Request, session: SessionDep, retrieval_id: UUID
) -> RetrievalOut:
    """Begin with no more studies; the one that is being fetched comes to its end."""
    return await _out(request, session, await service.pause_retrieval(session, retrieval_id))


@router.post("/retrievals/{retrieval_id}/resume", summary="Go on with a retrieval")
async def resume_retrieval(
    request: Request, session: SessionDep, retrieval_id: UUID
) -> RetrievalOut:
    """Go on with what waits."""
    return await _out(request, session, await service.resume_retrieval(session, retrieval_id))


@router.post("/retrievals/{retrieval_id}/cancel", summary="End a retrieval")
async def cancel_retrieval(
    request: Request, session: SessionDep, retrieval_id: UUID
) -> RetrievalOut:
    """Fetch nothing more; what came stays, and can be completed with a retry."""
    return await _out(request, session, await service.cancel_retrieval(session, retrieval_id))


@router.post("/retrievals/{retrieval_id}/retry", summary="Fetch what failed")
async def retry_retrieval(
    request: Request, session: SessionDep, retrieval_id: UUID
) -> RetrievalOut:
    """Try again what failed or was canceled; series that came are not fetched again."""
    return await _out(request, session, await service.retry_retrieval(session, retrieval_id))
