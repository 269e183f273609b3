"""Hears what other processes of a service say: a connection of its own to PostgreSQL, with LISTEN.

What they say is a hint (NOTIFY): look at the table. It is sent when the transaction commits that
makes it true. A proxy that pools by transaction cannot be between.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sqlalchemy import pool
from sqlalchemy.ext.asyncio import create_async_engine

from scanhub_libraries.logging import get_logger

logger = get_logger(__name__)
_BACK_OFF_SECONDS = (0.05, 0.2, 1.0, 3.0)
_LOOK_SECONDS = 5.0
"""How often the connection is looked at: one whose other end is gone says nothing."""
_START_SECONDS = 30.0


class Listener:
    """Keeps listening. What was said while the connection was broken is lost, and `regained` tells.

    While it listens it can hold a lock of the database in the name of its process. One that is
    killed holds it no more, long before it is missed.

    Args:
        url: Of the database.
        channel: Where they speak.
        name: Whose connection it is, for the database.
        lock: Number of the lock; None: it holds none.
        heard: Takes each note; does not wait.
        regained: Called when notes arrive (again): what they tell of has to be read anew.
        lost: Called when none arrive any more.
    """

    def __init__(
        self,
        url: str,
        channel: str,
        *,
        name: str,
        heard: Callable[[str], None],
        regained: Callable[[], None],
        lost: Callable[[], None],
        lock: int | None = None,
    ) -> None:
        named = {"server_settings": {"application_name": name}}
        self._channel = channel
        self._engine = create_async_engine(url, poolclass=pool.NullPool, connect_args=named)
        self._lock = lock
        self._heard = heard
        self._regained = regained
        self._lost = lost
        self._task: asyncio.Task[None] | None = None
        self._failures = 0
        self._listening = asyncio.Event()

    async def start(self) -> None:
        """Begin; returns when it listens."""
        self._task = asyncio.create_task(self._run(), name="listener")
        async with asyncio.timeout(_START_SECONDS):
            await self._listening.wait()

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._engine.dispose()

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except Exception as error:  # noqa: BLE001 - whatever it is, it has to listen again
                if self._failures == 0:
                    logger.warning("notes of other processes are not heard", error=repr(error))
            self._lost()
            seconds = _BACK_OFF_SECONDS[min(self._failures, len(_BACK_OFF_SECONDS) - 1)]
            self._failures += 1
            await asyncio.sleep(seconds)

    async def _listen(self) -> None:
        async with self._engine.connect() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            closed = asyncio.Event()
            driver.add_termination_listener(lambda _: closed.set())
            try:
                await driver.add_listener(self._channel, self._take)
                if self._lock is not None:
                    await driver.execute("SELECT pg_advisory_lock($1)", self._lock)
                if self._failures:
                    logger.info("notes of other processes are heard")
                self._failures = 0
                self._listening.set()
                self._regained()
                await self._watch(driver, closed)
            finally:
                driver.terminate()

    async def _watch(self, driver: Any, closed: asyncio.Event) -> None:
        while not closed.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await closed.wait()
                    return
            async with asyncio.timeout(_LOOK_SECONDS):
                await driver.fetchval("SELECT 1")

    def _take(self, _connection: Any, _pid: int, _channel: str, payload: str) -> None:
        self._heard(payload)
