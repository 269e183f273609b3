"""This process, as the others see it."""

import os
import socket
from importlib.metadata import version
from typing import Literal

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import Sessions, transaction
from scanhub_libraries.logging import get_logger
from scanhub_libraries.repeating import Repeating
from workflow_manager.engine import Engine
from workflow_manager.workers import repository
from workflow_manager.workers.models import Worker
from workflow_manager.workers.pausing import Pauses
from workflow_manager.workers.rules import FORGET_AFTER, SIGN_S

logger = get_logger(__name__)
Kind = Literal["server", "worker", "receiver"]
"""A server has an API; a worker serves queues; a receiver has the DICOM listener."""


class Presence:
    """Says that this process is there, and that it lives.

    One on a file of its own is alone: it says nothing, and nobody listens.

    Args:
        sessions: Where it says so.
        engine: Which knows its name, once it is launched, and the queues it serves.
        pauses: Which of them are paused.
        kind: What it is.
        shared: Other processes share the database.
    """

    def __init__(
        self,
        sessions: Sessions,
        engine: Engine,
        pauses: Pauses,
        kind: Kind,
        *,
        shared: bool,
    ) -> None:
        self._sessions = sessions
        self._shared = shared
        self._engine, self._pauses, self._kind = engine, pauses, kind
        self._started_at = pauses.started_at
        self._drains = False
        self._signing = Repeating("saying that this process lives", self._sign, SIGN_S)

    @property
    def itself(self) -> Worker:
        """This process, as it is now."""
        return Worker(
            name=self._engine.name,
            kind=self._kind,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=version("workflow-manager"),
            queues=sorted(self._engine.served),
            paused=sorted(self._pauses.held),
            drains=self._drains or self._pauses.drained,
            started_at=self._started_at,
            seen_at=utc_now(),
        )

    @property
    def is_alone(self) -> bool:
        """No other process can be there."""
        return not self._shared

    async def start(self) -> None:
        """Say that it is there, and from now on that it lives."""
        if self._shared:
            await self._sign()
            self._signing.start()
            self._pauses.wake_on(self._signing.wake)

    async def drain(self) -> None:
        """Say that it begins nothing more."""
        self._drains = True
        if self._shared:
            await self._sign()

    async def stop(self) -> None:
        """Say that it has gone."""
        if not self._shared:
            return
        await self._signing.stop()
        try:
            async with transaction(self._sessions) as session:
                row = await session.get(Worker, self._engine.name)
                if row is not None and row.started_at == self._started_at:
                    await session.delete(row)
        except OSError as error:  # the database is away: others see that its name is free
            logger.warning("nobody is told that this process ends", error=repr(error))

    async def _sign(self) -> None:
        async with transaction(self._sessions) as session:
            await session.merge(self.itself)
            await repository.forget_workers(session, utc_now() - FORGET_AFTER)
