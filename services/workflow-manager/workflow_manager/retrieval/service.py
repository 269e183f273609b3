"""Retrievals: asked for, paused, canceled, tried again, told. Fetching is in fetching.py."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.clock import utc_now
from scanhub_libraries.errors import ConflictError, NotFoundError, UnprocessableError
from scanhub_libraries.events import Event, EventType
from scanhub_libraries.models.retrieval import AccessionOut, RetrievalIn, RetrievalOut
from workflow_manager.dispatch.rules import OffPeak
from workflow_manager.engine.attempts import Attempt, Attempts
from workflow_manager.journal.service import append, own_event
from workflow_manager.retrieval import repository
from workflow_manager.retrieval.models import Retrieval, RetrievalAccession
from workflow_manager.retrieval.rules import (
    ENDED,
    AccessionState,
    RetrievalState,
    accession_numbers,
    outcome,
)
from workflow_manager.routing_rules.service import get_rule
from workflow_manager.targets.models import Target

ATTEMPTS = Attempts(kind="retrieval", queue="retrieval")
SOURCES = frozenset({"dicom", "dicomtls", "dicomweb"})
_ENDING = {
    RetrievalState.DONE: EventType.RETRIEVAL_FINISHED,
    RetrievalState.FAILED: EventType.RETRIEVAL_FAILED,
    RetrievalState.CANCELED: EventType.RETRIEVAL_CANCELED,
}


def attempt_of(retrieval_id: UUID, number: int, attempt: int) -> Attempt:
    """Return an attempt to fetch one accession number."""
    place = f"{retrieval_id}:{number}"
    return Attempt(f"{place}:{attempt}", place)


async def get_retrieval(
    session: AsyncSession, retrieval_id: UUID, *, lock: bool = False
) -> Retrieval:
    """Return a retrieval; `lock` to change it or what belongs to it."""
    found = await session.get(Retrieval, retrieval_id, with_for_update=lock, populate_existing=lock)
    if found is None:
        raise NotFoundError(f"There is no retrieval {retrieval_id}.")
    return found


async def get_source(session: AsyncSession, name: str) -> Target:
    """Return a target that can be asked for images.

    Raises:
        UnprocessableError: It is of another type, or only sent to.
    """
    target = await session.get(Target, name)
    if target is None:
        raise UnprocessableError(f"There is no target {name!r}.", field="source")
    if target.target_type not in SOURCES:
        raise UnprocessableError(
            f"Target {name!r} is of type {target.target_type}: images are fetched from dicom, "
            "dicomtls and dicomweb.",
            field="source",
        )
    if target.document.get("direction") == "push":
        raise UnprocessableError(
            f"Target {name!r} is sent to only: set its direction to pull or both.", field="source"
        )
    return target


async def start_retrieval(session: AsyncSession, wanted: RetrievalIn, *, actor: str) -> Retrieval:
    """Write down what shall be fetched; the desk hears of it and begins.

    Raises:
        UnprocessableError: Something of it cannot be.
    """
    numbers = accession_numbers(wanted.accession_numbers, wanted.accession_text)
    await _check(session, wanted)
    retrieval = Retrieval(
        source=wanted.source,
        method=wanted.method,
        destination=wanted.destination,
        filter=wanted.filter.model_dump(mode="json"),
        forced_rule=wanted.forced_rule,
        offpeak=wanted.offpeak,
        requested_by=actor[:256],
    )
    session.add(retrieval)
    await session.flush()
    session.add_all(
        RetrievalAccession(retrieval_id=retrieval.id, number=place, accession_number=number)
        for place, number in enumerate(numbers, 1)
    )
    await session.flush()
    await append(session, [await event_of(session, retrieval, EventType.RETRIEVAL_STARTED)])
    return retrieval


async def _check(session: AsyncSession, wanted: RetrievalIn) -> None:
    source = await get_source(session, wanted.source)
    web = source.target_type == "dicomweb"
    if wanted.method != "auto" and (wanted.method == "wado-rs") != web:
        raise UnprocessableError(
            f"A source of type {source.target_type} does not know {wanted.method}.", field="method"
        )
    if wanted.destination:
        folder = await session.get(Target, wanted.destination)
        if folder is None or folder.target_type != "folder":
            raise UnprocessableError(
                f"There is no folder target {wanted.destination!r}.", field="destination"
            )
    if wanted.method == "c-move" and wanted.destination:
        raise UnprocessableError(
            "With C-MOVE the images come in as from any sender: no other destination. Use c-get.",
            field="method",
        )
    if wanted.forced_rule:
        await check_rule(session, wanted.forced_rule)


async def check_rule(session: AsyncSession, name: str) -> None:
    """Refuse to force a rule that is not there: all that it was forced on would be discarded."""
    try:
        await get_rule(session, name)
    except NotFoundError as error:
        raise UnprocessableError(f"There is no rule {name!r}.", field="forced_rule") from error


async def pause_retrieval(session: AsyncSession, retrieval_id: UUID) -> Retrieval:
    """Begin nothing more of it; what is being fetched comes to its end."""
    return await _switch(
        session,
        retrieval_id,
        (RetrievalState.RUNNING, RetrievalState.PAUSED),
        EventType.RETRIEVAL_PAUSED,
    )


async def resume_retrieval(session: AsyncSession, retrieval_id: UUID) -> Retrieval:
    """Go on."""
    return await _switch(
        session,
        retrieval_id,
        (RetrievalState.PAUSED, RetrievalState.RUNNING),
        EventType.RETRIEVAL_RESUMED,
    )


async def _switch(
    session: AsyncSession,
    retrieval_id: UUID,
    change: tuple[RetrievalState, RetrievalState],
    event_type: EventType,
) -> Retrieval:
    """Change from one state to another; what is in it already stays there."""
    before, after = change
    retrieval = await get_retrieval(session, retrieval_id, lock=True)
    if retrieval.state in ENDED:
        raise ConflictError(f"The retrieval is {retrieval.state.value} already.")
    if retrieval.state is before:
        retrieval.state = after
        await session.flush()
        await append(session, [await event_of(session, retrieval, event_type)])
    return retrieval


async def cancel_retrieval(session: AsyncSession, retrieval_id: UUID) -> Retrieval:
    """Fetch nothing more; what came stays. What is being fetched ends within a few seconds."""
    retrieval = await get_retrieval(session, retrieval_id, lock=True)
    if retrieval.state in ENDED:
        raise ConflictError(f"The retrieval is {retrieval.state.value} already.")
    now = utc_now()
    await repository.cancel_open(session, retrieval.id, now)
    retrieval.state, retrieval.ended_at = RetrievalState.CANCELED, now
    await session.flush()
    await append(session, [await event_of(session, retrieval, EventType.RETRIEVAL_CANCELED)])
    return retrieval


async def retry_retrieval(session: AsyncSession, retrieval_id: UUID) -> Retrieval:
    """Fetch what failed or was canceled; what came is not fetched again.

    Raises:
        ConflictError: There is nothing of that kind, or it has not ended.
    """
    retrieval = await get_retrieval(session, retrieval_id, lock=True)
    if retrieval.state not in {RetrievalState.FAILED, RetrievalState.CANCELED}:
        raise ConflictError(f"The retrieval is {retrieval.state.value}: nothing is to be retried.")
    await repository.queue_unfetched(session, retrieval.id)
    retrieval.state, retrieval.ended_at = RetrievalState.RUNNING, None
    await session.flush()
    await append(session, [await event_of(session, retrieval, EventType.RETRIEVAL_STARTED)])
    return retrieval


async def conclude(
    session: AsyncSession, retrieval: Retrieval, accession: RetrievalAccession, reason: str
) -> None:
    """End an accession number, and the retrieval with its last one.

    Args:
        session: The transaction; it holds the lock of the retrieval.
        retrieval: The retrieval.
        accession: Under way.
        reason: Why it failed; empty: it has not.
    """
    accession.state = AccessionState.FAILED if reason else AccessionState.DONE
    accession.reason, accession.ended_at = reason, utc_now()
    await session.flush()
    event_type = EventType.RETRIEVAL_PROGRESS
    if not await repository.has_open(session, retrieval.id):
        counts = await repository.count_accessions(session, [retrieval.id])
        state = outcome({name: count for name, (count, _) in counts[retrieval.id].items()})
        retrieval.state, retrieval.ended_at, event_type = state, utc_now(), _ENDING[state]
        await session.flush()
    await append(session, [await event_of(session, retrieval, event_type)])


async def event_of(session: AsyncSession, retrieval: Retrieval, event_type: EventType) -> Event:
    """Return the event that tells of a retrieval: numbers only, of no patient."""
    (told,) = await describe(session, [retrieval], None)
    fields = ("total", "queued", "running", "done", "failed", "canceled", "instances")
    data: dict[str, Any] = {
        "retrieval_id": str(retrieval.id),
        "source": retrieval.source,
        "state": retrieval.state.value,
        **{name: getattr(told, name) for name in fields},
    }
    return own_event(event_type, retrieval.id, data)


async def describe(
    session: AsyncSession,
    retrievals: Sequence[Retrieval],
    offpeak: OffPeak | None,
    *,
    has_room: bool = True,
) -> list[RetrievalOut]:
    """Return retrievals as they are told, with what they wait for."""
    counts = await repository.count_accessions(session, [row.id for row in retrievals])
    told = []
    for row in retrievals:
        states = counts.get(row.id, {})
        numbers = {state.value: states.get(state.value, (0, 0))[0] for state in AccessionState}
        told.append(
            RetrievalOut.model_validate(
                {
                    **row.model_dump(),
                    **numbers,
                    "total": sum(count for count, _ in states.values()),
                    "instances": sum(images for _, images in states.values()),
                    "waits_for": _waits_for(row, numbers, offpeak, has_room=has_room),
                }
            )
        )
    return told


def _waits_for(
    row: Retrieval, numbers: dict[str, int], offpeak: OffPeak | None, *, has_room: bool
) -> str | None:
    if row.state is RetrievalState.PAUSED:
        return "Somebody to resume it."
    if row.state is not RetrievalState.RUNNING or not numbers["queued"] or numbers["running"]:
        return None
    now = utc_now()
    if row.offpeak and offpeak is not None and not offpeak.is_open(now):
        return f"Off-peak hours begin at {offpeak.opens_at(now).isoformat(timespec='minutes')}."
    if not has_room:
        return "Room on the disk: too little is left for more images."
    return "Its turn: other studies are fetched from this source."


def describe_accession(row: RetrievalAccession) -> AccessionOut:
    """Return an accession number as it is told."""
    return AccessionOut.model_validate(row.model_dump())
