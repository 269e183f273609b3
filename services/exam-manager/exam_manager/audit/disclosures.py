"""Data that leave the house are told before they leave: who, when, what, where to.

An entry is committed first, then the data are sent: a download that breaks off was told, a
download that was not told does not happen (503 while the database is away). The address of an
entry of a download says where the data go.

A viewer asks for hundreds of images of one result, and a download that is resumed for many ranges
of one file. So files of a result that one person fetches from one address in one form make one
entry in a quarter of an hour: with the first of them; the others wait for no database. Each process
counts for itself. Archives, converted images, what is sent and what is exported are told each time.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from structlog.contextvars import get_contextvars

from exam_manager.database import emit
from scanhub_libraries.database import Sessions, transaction
from scanhub_libraries.events import EventType

ONE_READING: Final = timedelta(minutes=15)
_MOST_KEPT: Final = 10_000
_Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Disclosure:
    """What leaves. No name of a patient may be in the data."""

    type: EventType
    subject: UUID | str
    data: dict[str, Any]


@dataclass(slots=True)
class _Reading:
    told_at: datetime | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Disclosures:
    """Writes down what leaves the house, each time or once for each reading."""

    def __init__(self, sessions: Sessions, clock: Callable[[], datetime]) -> None:
        self._sessions = sessions
        self._clock = clock
        self._readings: OrderedDict[_Key, _Reading] = OrderedDict()

    async def tell(self, *disclosures: Disclosure) -> None:
        """Write entries, in a transaction of their own; to be called while none is open."""
        async with transaction(self._sessions) as session:
            for one in disclosures:
                emit(session, one.type, one.subject, one.data)

    async def tell_reading(self, disclosure: Disclosure, *what: str) -> None:
        """Write an entry, unless the same reading was told within a quarter of an hour.

        Args:
            disclosure: What leaves.
            what: What makes it the same reading, besides the person, the address and the subject.
        """
        context = get_contextvars()
        who = (str(context.get("actor")), str(context.get("address")))
        reading = self._reading((*who, str(disclosure.subject), *what))
        async with reading.turn:
            now = self._clock()
            if reading.told_at is None or not now - ONE_READING < reading.told_at <= now:
                await self.tell(disclosure)
                reading.told_at = now

    def _reading(self, key: _Key) -> _Reading:
        reading = self._readings.setdefault(key, _Reading())
        self._readings.move_to_end(key)
        while len(self._readings) > _MOST_KEPT:
            self._readings.popitem(last=False)
        return reading
