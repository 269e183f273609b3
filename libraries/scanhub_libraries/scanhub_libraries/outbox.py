"""Outbox: events are rows of the transaction that changed the state; a relay delivers them.

Delivery is at least once and in order of writing; the journal drops what it has by event id. The
relay is woken at commit, not by polling. Of several processes on one PostgreSQL database, one at a
time delivers what all of them have written.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import event as sa_event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session, SessionTransaction
from sqlmodel import Field, SQLModel, col, select
from structlog.contextvars import get_contextvars

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import (
    WITH_COMMIT,
    JSONDocument,
    Sessions,
    UtcDateTime,
    flush_with_commit,
    is_postgresql,
)
from scanhub_libraries.events import Event, EventType
from scanhub_libraries.ids import new_id
from scanhub_libraries.logging import get_logger

logger = get_logger(__name__)
Deliver = Callable[[Sequence[Event]], Awaitable[None]]
Row = dict[str, Any]
_PENDING = "outbox_pending"
_WRITTEN = "outbox_written"
"""Key in `session.info`: the types of the events that were written."""


class OutboxEventColumns(SQLModel):
    """Columns of the outbox. A service makes its table of them.

    class OutboxEvent(OutboxEventColumns, Table, table=True): ...
    """

    number: int | None = Field(
        default=None,
        primary_key=True,
        sa_type=sa.BigInteger().with_variant(sa.Integer, "sqlite"),
    )
    id: UUID = Field(default_factory=new_id, unique=True)
    type: str = Field(max_length=64)
    source: str = Field(max_length=64)
    subject: str = Field(max_length=128)
    time: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    actor: str | None = Field(default=None, max_length=256)
    correlation_id: str | None = Field(default=None, max_length=64)
    data: dict[str, Any] = Field(default_factory=dict, sa_type=JSONDocument)


def add_event(
    session: AsyncSession,
    table: type[OutboxEventColumns],
    event_type: EventType,
    subject: UUID | str,
    *,
    source: str,
    data: dict[str, Any],
    actor: str | None = None,
) -> None:
    """Write an event into the transaction of `session`.

    Args:
        session: The session that changes the state the event tells of.
        table: The service's outbox table.
        event_type: What happened.
        subject: Id of the thing it happened to.
        source: Name of the service.
        data: JSON values only.
        actor: Who did it; default: the principal of the request.
    """
    context = get_contextvars()
    _pending(session.sync_session).rows.append(
        (
            table,
            {
                "id": new_id(),
                "type": event_type.value,
                "source": source,
                "subject": str(subject),
                "time": utc_now(),
                "actor": actor or context.get("actor"),
                "correlation_id": context.get("correlation_id"),
                "data": data,
            },
        )
    )


def pending_events(session: Session) -> list[Row]:
    """Return the events of the open transaction, in order, as they stand in the table."""
    pending: _Pending | None = session.info.get(_PENDING)
    return [row for _, row in pending.rows] if pending is not None else []


# --- with the transaction -------------------------------------------------------------------------


@dataclass(slots=True)
class _Pending:
    """The events of a transaction. They are written with its commit, in one statement."""

    rows: list[tuple[type[OutboxEventColumns], Row]] = field(default_factory=list)
    marks: dict[SessionTransaction, int] = field(default_factory=dict)
    """How many there were when a savepoint began."""


def _pending(session: Session) -> _Pending:
    pending: _Pending = session.info.setdefault(_PENDING, _Pending())
    return pending


@cache
def _insert(table: type[OutboxEventColumns]) -> sa.Insert:
    return sa.insert(table.__table__).inline().execution_options(**WITH_COMMIT)  # type: ignore[attr-defined]


@sa_event.listens_for(Session, "before_commit")
def _write(session: Session) -> None:
    """Write the events last: what they tell of is written, and no row above is held for them."""
    if session.in_nested_transaction():
        return
    flush_with_commit(session)
    pending: _Pending | None = session.info.get(_PENDING)
    if pending is None:
        return
    for table in dict.fromkeys(table for table, _ in pending.rows):
        rows = [row for of, row in pending.rows if of is table]
        session.connection().execute(_insert(table), rows)
        session.info.setdefault(_WRITTEN, set()).update(row["type"] for row in rows)


@sa_event.listens_for(Session, "after_transaction_create")
def _mark(session: Session, transaction: SessionTransaction) -> None:
    if transaction.nested:
        pending = _pending(session)
        pending.marks[transaction] = len(pending.rows)


@sa_event.listens_for(Session, "after_soft_rollback")
def _take_back(session: Session, previous: SessionTransaction) -> None:
    """What is rolled back tells nobody."""
    if previous.nested:
        pending = _pending(session)
        del pending.rows[pending.marks.pop(previous, 0) :]


@sa_event.listens_for(Session, "after_transaction_end")
def _forget(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        session.info.pop(_PENDING, None)


class OutboxRelay:
    """Delivers the events of one outbox table and deletes what was delivered.

    Args:
        sessions: Where the table is.
        table: The outbox.
        deliver: Brings events to the journal.
        batch: How many are delivered at once, at most.
        gather_seconds: How long it waits after a commit for what belongs to it [s].
        patient: Types of events for which nobody waits.
        patient_seconds: How long those wait for others [s]: many files come one after the other,
            and each delivery costs the processor as much as some megabytes of the next.
        retry_seconds: The pauses while the journal does not answer [s].
    """

    def __init__(
        self,
        sessions: Sessions,
        table: type[OutboxEventColumns],
        deliver: Deliver,
        *,
        batch: int = 200,
        gather_seconds: float = 0.02,
        patient: Collection[EventType] = (),
        patient_seconds: float = 0.1,
        retry_seconds: tuple[float, ...] = (0.05, 0.2, 1.0, 5.0),
    ) -> None:
        self._sessions = sessions
        self._table = table
        self._deliver = deliver
        self._batch = batch
        self._gather_seconds = gather_seconds
        self._patient = frozenset(kind.value for kind in patient)
        self._patient_seconds = patient_seconds
        self._retry_seconds = retry_seconds
        self._woken = asyncio.Event()
        self._hurried = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to deliver: first what an earlier process left, then what commits bring."""
        loop = asyncio.get_running_loop()

        # A subclass is made per factory, so that relays do not wake one another; what else listens
        # to the factory's sessions goes on listening.
        base = self._sessions.kw.get("sync_session_class", Session)

        class OutboxSession(base):  # type: ignore[misc, valid-type]
            pass

        @sa_event.listens_for(OutboxSession, "after_commit")
        def _after_commit(session: Session) -> None:
            written: set[str] = session.info.pop(_WRITTEN, set())
            if written:
                wake = self._woken.set if written <= self._patient else self.wake
                loop.call_soon_threadsafe(wake)

        self._sessions.configure(sync_session_class=OutboxSession)
        self.wake()
        self._task = asyncio.create_task(self._run(), name="outbox-relay")

    async def stop(self) -> None:
        """Stop; what is not delivered stays in the table."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def wake(self) -> None:
        """Look at the table now."""
        self._woken.set()
        self._hurried.set()

    async def _run(self) -> None:
        failures = 0
        while True:
            await self._woken.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._patient_seconds):
                    await self._hurried.wait()
            # What made the events goes first: a start is on its way to the device before the
            # journal is told, and the events of one act travel together.
            await asyncio.sleep(self._gather_seconds)
            self._woken.clear()
            self._hurried.clear()
            try:
                while await self._deliver_batch():
                    pass
                failures = 0
            except Exception as error:  # noqa: BLE001 - whatever it is, the events must go out later
                delay = self._retry_seconds[min(failures, len(self._retry_seconds) - 1)]
                if failures == len(self._retry_seconds):
                    logger.warning("events wait: the journal does not answer", error=repr(error))
                failures += 1
                await asyncio.sleep(delay)
                self.wake()

    async def _deliver_batch(self) -> bool:
        """Deliver one batch; say whether there may be more."""
        async with self._turn() as got:
            if got:
                return await self._deliver_next()
        # Whose turn it is may have looked before this was written.
        self.wake()
        await asyncio.sleep(self._retry_seconds[0])
        return False

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[bool]:
        """Let one process deliver at a time, so that order is kept; say whether it is this one.

        The lock belongs to the connection, not to a transaction: none is open while the journal
        answers. It ends with its process.
        """
        engine: AsyncEngine = self._sessions.kw["bind"]
        if engine.dialect.name != "postgresql":
            yield True
            return
        name = sa.func.hashtext(f"outbox {self._table.__tablename__}")
        async with engine.connect() as plain:
            connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
            got = await connection.scalar(sa.select(sa.func.pg_try_advisory_lock(name)))
            try:
                yield bool(got)
            finally:
                if got:
                    await connection.execute(sa.select(sa.func.pg_advisory_unlock(name)))

    async def _deliver_next(self) -> bool:
        table = self._table
        number = col(table.number)
        async with self._sessions() as session, session.begin():
            query = select(table).order_by(number).limit(self._batch)
            if not is_postgresql(session):
                await session.connection(execution_options={"read_only": True})
            rows = (await session.scalars(query)).all()
        if not rows:
            return False
        await self._deliver([Event.model_validate(row, from_attributes=True) for row in rows])
        async with self._sessions() as session, session.begin():
            await session.execute(sa.delete(table).where(number.in_([row.number for row in rows])))
        return len(rows) == self._batch
