"""The event stream (server-sent events) of one client."""

import time
from collections.abc import AsyncIterator, Callable

from fastapi.sse import format_sse_event

from scanhub_libraries.models import JournalEntry
from workflow_manager.journal.tail import JournalTail

HEARTBEAT_S = 15.0
_CHECK_S = 2.0


def encode(entry: JournalEntry) -> bytes:
    """Write an event as the browser reads it: id is the sequence, event the type."""
    return format_sse_event(
        event=entry.type, id=str(entry.sequence), data_str=entry.model_dump_json()
    )


def heartbeat(sequence: int) -> bytes:
    """Write a sign of life: an event, for a browser sees no comment; no id, for it is none."""
    return format_sse_event(event="heartbeat", data_str=f'{{"sequence":{sequence}}}')


class _Mentioned:
    """What one reader has heard of logs that grow, if it wants to."""

    def __init__(self, tail: JournalTail, *, wanted: bool) -> None:
        self._mentions = tail.mentions
        self.heard = tail.mentions.count if wanted else None

    def read(self) -> bytes:
        """Return what is new: without an id, for it is no event."""
        if self.heard is None or self.heard == self._mentions.count:
            return b""
        texts, self.heard = self._mentions.since(self.heard), self._mentions.count
        return b"".join(format_sse_event(event="log", data_str=text) for text in texts)


async def follow(
    tail: JournalTail,
    after: int | None,
    may_read: Callable[[], bool],
    heartbeat_s: float = HEARTBEAT_S,
    *,
    logs: bool = False,
) -> AsyncIterator[bytes]:
    """Yield the stream from a number on, until shutdown or until the reader may not read any more.

    Args:
        tail: What to follow.
        after: The last number that the reader has; None: from now on.
        may_read: Asked every few seconds: a session that ended ends its stream.
        heartbeat_s: After this long without an event the stream gives a sign of life.
        logs: Tell of logs that grow as well.
    """
    newest = await tail.newest()
    place = newest if after is None else min(after, newest)
    yield format_sse_event(
        event="hello", id=str(place), data_str=f'{{"sequence":{newest}}}', retry=1000
    )
    said_something, mentioned = time.monotonic(), _Mentioned(tail, wanted=logs)
    while not tail.closed.is_set() and may_read():
        entries = await tail.read(place)
        if entries:
            place = entries[-1].sequence
            said_something = time.monotonic()
            yield b"".join(map(encode, entries))
            continue
        if news := mentioned.read():
            yield news
        if time.monotonic() - said_something >= heartbeat_s:
            said_something = time.monotonic()
            yield heartbeat(place)
        await tail.wait(place, min(_CHECK_S, heartbeat_s), mentioned.heard)
