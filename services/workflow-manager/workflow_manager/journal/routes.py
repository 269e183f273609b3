"""Routes of the journal."""

import time
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime

from scanhub_libraries.errors import BadRequestError
from scanhub_libraries.events import EventBatch, EventType
from scanhub_libraries.models import JournalEntry
from scanhub_libraries.models.fields import ShortText
from scanhub_libraries.security.tokens import TokenVerifier
from scanhub_libraries.web import PrincipalDep, SessionDep
from workflow_manager.journal import repository, service
from workflow_manager.journal.stream import follow
from workflow_manager.journal.tail import JournalTail

router = APIRouter(prefix="/api/v1/workflowmanager", tags=["journal"])
_EVENT_STREAM = "text/event-stream"
_LAST = 2**63 - 1
"""No sequence number is larger than 64 bits."""


@router.post("/journal/events", status_code=200, summary="Bring events to the journal")
async def append_events(session: SessionDep, batch: EventBatch) -> dict[str, int]:
    """Events that the journal has are dropped: delivering again is harmless."""
    return {"written": await service.append(session, batch.events)}


@router.get("/journal", summary="Read the journal")
async def list_journal(
    session: SessionDep,
    *,
    after: Annotated[int, Query(ge=0, le=_LAST)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    before: Annotated[
        int | None, Query(ge=1, le=_LAST, description="Only with a lower number")
    ] = None,
    subject: Annotated[ShortText | None, Query()] = None,
    task_id: UUID | None = None,
    exam_id: UUID | None = None,
    case_id: UUID | None = None,
    actor: Annotated[ShortText | None, Query()] = None,
    event_type: Annotated[
        list[EventType] | None,
        Query(alias="type", max_length=50, description="Only of this type; may be given again"),
    ] = None,
    since: Annotated[AwareDatetime | None, Query(description="Not before this time")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Before this time")] = None,
    newest: bool = False,
) -> list[JournalEntry]:
    """Return events after a sequence number, oldest first.

    `task_id`, `exam_id` and `case_id` take whatever tells of it: the history of a task, with its
    acquisitions, runs, images and dispatches, is one request. `newest` returns the last `limit`
    events instead of the first; with `before`, the page before one that is known.
    """
    asked = repository.Asked(
        after=after,
        before=before,
        subject=subject,
        task_id=task_id,
        exam_id=exam_id,
        case_id=case_id,
        actor=actor,
        types=event_type or (),
        since=since,
        until=until,
    )
    rows = await repository.find_events(session, asked, limit=limit, newest=newest)
    return [JournalEntry.model_validate(row) for row in rows]


_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {_EVENT_STREAM: {"schema": {"type": "string"}}}, "description": "The stream"}
}


@router.get(
    "/events",
    summary="Follow the journal",
    response_class=StreamingResponse,
    responses=_STREAM,
)
async def stream_events(
    request: Request,
    principal: PrincipalDep,
    after: Annotated[int | None, Query(ge=0, le=_LAST)] = None,
    last_event_id: Annotated[str | None, Header()] = None,
    *,
    logs: Annotated[
        bool, Query(description="Tell as well that the log of a run has grown: `event: log`")
    ] = False,
) -> StreamingResponse:
    """Server-sent events: `id` is the journal's sequence, `event` the type, `data` the event.

    The browser's Last-Event-ID goes before `after`. The first message is `hello`;
    a quiet stream says `heartbeat` every 15 s, without an id.

    With `logs` it says, at most twice a second, which logs have grown: `event` is `log`, `data` is
    `{"run_id": ..., "step": 2, "size": 1234}`, without an id. `step` is of a run of modules, null
    for a job of an exam; `size` is where the log ends [byte]: read it by `GET .../log?offset=`.
    Without a `run_id`, any may have grown. Only who listens then is told: it is in no journal.
    """
    if last_event_id:
        if not last_event_id.isdecimal() or len(last_event_id) > 18:  # noqa: PLR2004 - 64 bit
            raise BadRequestError("Last-Event-ID is a sequence number of the journal.")
        after = int(last_event_id)
    tail: JournalTail = request.app.state.tail
    verifier: TokenVerifier = request.app.state.verifier

    def may_read() -> bool:
        alive = principal.expires_at == 0 or time.time() < principal.expires_at
        return alive and not verifier.revocations.is_revoked(principal)

    return StreamingResponse(
        follow(tail, after, may_read, logs=logs),
        media_type=_EVENT_STREAM,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
