"""Notes between the processes of this service: something has changed, look at the table.

A note is a hint, sent by PostgreSQL (NOTIFY) when the transaction commits that makes it true. It
carries ids and no more: it may be logged by the database. On SQLite there is one process, and
nobody is told. What is missed is found by looking: each process looks now and then all the same.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Final, Self

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.database import Sessions, dialect_of, is_postgresql
from scanhub_libraries.ids import new_id
from scanhub_libraries.listening import Listener

CHANNEL: Final = "workflow_manager"
_SENDER: Final = "sender"
Hear = Callable[[str], None]


class Topic(StrEnum):
    """What has changed."""

    JOURNAL = "journal"
    """Events were written."""
    LOG = "log"
    """The log of a run has grown; the subject says which, and where it ends."""
    QUEUE = "queue"
    """Something was put into the queue that is told: whoever serves it looks."""
    RECEIVED = "received"
    """An association ended whose images are in the index: its series may be complete."""
    STOP = "stop"
    """Somebody stops the run whose id is told: whoever runs it kills what computes."""


def note(session: AsyncSession, topic: Topic, subject: str = "") -> sa.ColumnElement[None]:
    """Return the call that tells the other processes once the transaction commits."""
    text = f"{session.info.get(_SENDER, '')} {topic} {subject}"
    call: sa.ColumnElement[None] = sa.func.pg_notify(CHANNEL, text)
    return call


async def tell(session: AsyncSession, topic: Topic, subject: str = "") -> None:
    """Tell the other processes, if there can be any, once the transaction commits."""
    if is_postgresql(session):
        await session.execute(sa.select(note(session, topic, subject)))


class Notes:
    """Hears the notes of the other processes; its own are not repeated to it.

    Args:
        sessions: Whose notes are its own from now on.
        url: Of the database.
    """

    def __init__(self, sessions: Sessions, url: str) -> None:
        self._name = new_id().hex
        self._hears: dict[Topic, Hear] = {}
        self._regained: list[Callable[[], None]] = []
        self._listener: Listener | None = None
        if dialect_of(sessions) == "postgresql":
            sessions.configure(info={_SENDER: self._name})
            self._listener = Listener(
                url,
                CHANNEL,
                name="workflow-manager listener",
                heard=self._heard,
                regained=self._read_anew,
                lost=lambda: None,
            )

    def on(self, topic: Topic, hear: Hear, regained: Callable[[], None] | None = None) -> None:
        """Hear of a topic.

        Args:
            topic: Of what.
            hear: Gets the subject; must not wait.
            regained: Called when notes may have been missed.
        """
        self._hears[topic] = hear
        if regained is not None:
            self._regained.append(regained)

    async def __aenter__(self) -> Self:
        """Begin; returns when it listens."""
        if self._listener is not None:
            await self._listener.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """End."""
        if self._listener is not None:
            await self._listener.stop()

    def _heard(self, text: str) -> None:
        sender, _, rest = text.partition(" ")
        topic, _, subject = rest.partition(" ")
        hear = self._hears.get(Topic(topic)) if topic in set(Topic) else None
        if sender != self._name and hear is not None:
            hear(subject)

    def _read_anew(self) -> None:
        for regained in self._regained:
            regained()
