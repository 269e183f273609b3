"""The event stream (server-sent events) of one client."""

import time
from collections.abc import AsyncIterator, Callable

from fastapi.sse import format_sse_event

from scanhub_libraries.models import JournalEntry
from workflow_manager.journal.tail import JournalTail

HEARTBEAT_S = 15.0
_CHECK_S = 2.0
_HEARTBEAT = b": heartbeat\n\n"


def encode(entry: JournalEntry) -> bytes:
    """Write an event as the browser reads it: id is the sequence, event the type."""
    return format_sse_event(
        event=entry.type, id=str(entry.sequence), data_str=entry.model_dump_json()
    )


async def follow(
    tail: JournalTail, after: int | None, may_read: Callable[[], bool]
) -> AsyncIterator[bytes]:
    """Yield the stream from a number on, until shutdown or until the reader may not read any more.

    Args:
        tail: What to follow.
        after: The last number that the reader has; None: from now on.
        may_read: Asked every few seconds: a session that ended ends its stream.
    """
    newest = await tail.newest()
    place = newest if after is None else min(after, newest)
    yield format_sse_event(
        event="hello", id=str(place), data_str=f'{{"sequence":{newest}}}', retry=1000
    )
    said_something = time.monotonic()
    while not tail.closed.is_set() and may_read():
        entries = await tail.read(place)
        if entries:
            place = entries[-1].sequence
            said_something = time.monotonic()
            yield b"".join(map(encode, entries))
            continue
        if time.monotonic() - said_something >= HEARTBEAT_S:
            said_something = time.monotonic()
            yield _HEARTBEAT
        await tail.wait(place, _CHECK_S)
