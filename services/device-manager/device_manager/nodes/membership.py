"""The life of a process among the others: it comes, shows that it lives, takes over, and goes."""

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from device_manager.devices import service as devices
from device_manager.nodes import repository
from device_manager.nodes.models import Node
from device_manager.nodes.notes import CHANNEL, Kind, Note, add_note, read_note, send_notes
from device_manager.nodes.shared import SharedHomes
from device_manager.settings import DeviceManagerSettings
from scanhub_libraries.database import Sessions, transaction
from scanhub_libraries.listening import Listener
from scanhub_libraries.logging import get_logger

logger = get_logger(__name__)
RESTARTED: Final = "the service was restarted"
DIED: Final = "the server process that it was connected to has ended"
_DOWN: Final = "the service is down"
_REREAD_SECONDS = 10.0
_NO_URL = (
    "Another process of device-manager uses this database ({host}), and {whose} has no address: "
    "set SCANHUB_DEVICE_NODE_URL of every process to where the others reach it."
)


class NodeSettingsError(Exception):
    """A process cannot join the others; the text says which setting is missing."""


class Household(Protocol):
    """What a process holds of the devices that are at home at it."""

    def heard(self, note: Note) -> None:
        """Another process has changed something."""
        ...

    async def restore(self, what: str) -> None:
        """Take up all that runs on the devices that have come home, and say what became of them."""
        ...

    async def reconcile(self) -> None:
        """Bring memory to what the database says."""
        ...

    def let_all_go(self) -> None:
        """Close all links and forget what was held: others are home to the devices now."""
        ...


class Membership(Protocol):
    """The life of a process."""

    async def open(self) -> None:
        """Come, and be home to what is nobody's."""
        ...

    async def close(self) -> None:
        """Go."""
        ...


class Alone:
    """The life of the only process: it is home to all devices, from its start to its end."""

    def __init__(self, sessions: Sessions, household: Household) -> None:
        self._sessions = sessions
        self._household = household

    async def open(self) -> None:
        """Take over from an earlier process: nobody is connected, and what ran may come back."""
        await self._all_offline(RESTARTED)
        await self._household.restore(RESTARTED)

    async def close(self) -> None:
        """Say of all devices that they are offline."""
        await self._all_offline(_DOWN)

    async def _all_offline(self, detail: str) -> None:
        async with transaction(self._sessions) as session:
            await devices.set_offline(session, await devices.list_devices(session), detail)


class Together:
    """The life of one process among several on one PostgreSQL database."""

    def __init__(
        self,
        sessions: Sessions,
        homes: SharedHomes,
        household: Household,
        settings: DeviceManagerSettings,
        *,
        changed: Callable[[], None],
    ) -> None:
        self._sessions = sessions
        self._homes = homes
        self._household = household
        self._settings = settings
        self._changed = changed
        self._dead_after = settings.node_dead_after_seconds
        self._tasks: list[asyncio.Task[None]] = []
        self._listener = Listener(
            settings.database_url,
            CHANNEL,
            name="device-manager listener",
            lock=repository.lock_of(homes.node_id),
            heard=self._heard,
            regained=self._regained,
            lost=self._lost,
        )
        self._lapsed = float("-inf")
        self._reread_at = 0.0
        homes.expelled = self._expelled
        send_notes(sessions, homes.node_id)

    # --- coming and going -------------------------------------------------------------------------

    async def open(self) -> None:
        """Join the others, and be home to the devices of those that are dead."""
        await self._listener.start()
        await self._join()
        await self._homes.beat()
        await self._homes.reread()
        await self._take_over(RESTARTED)
        await self._household.restore(RESTARTED)
        for work in (self._beat, self._watch):
            self._tasks.append(asyncio.create_task(work(), name=f"node{work.__name__}"))

    async def close(self) -> None:
        """Leave; the others take over at once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._listener.stop()
        async with transaction(self._sessions) as session:
            mine = await repository.list_own(session, self._homes.node_id)
            await devices.set_offline(session, mine, _DOWN)
            await repository.remove_node(session, self._homes.node_id)
            add_note(session, Note(kind=Kind.NODES))

    async def _join(self) -> None:
        """Enter the table of processes.

        Raises:
            NodeSettingsError: There is another, and one of the two cannot be reached.
        """
        known: dict[UUID, datetime] = {}
        while (other := await self._try_to_join()) is not None:
            # One whose host has failed looks alive for a while, but is not seen again.
            if other.seen_at > known.setdefault(other.id, other.seen_at):
                whose = "that one" if self._settings.node_url else "this one"
                raise NodeSettingsError(_NO_URL.format(host=other.host, whose=whose))
            await asyncio.sleep(self._settings.node_heartbeat_seconds / 2)

    async def _try_to_join(self) -> Node | None:
        """Return the process because of which it cannot be done; None: it is done."""
        url = self._settings.node_url
        async with transaction(self._sessions) as session:
            await repository.lock_membership(session)
            if url is not None and await repository.remove_namesakes(session, url):
                logger.info("an earlier process at this address is replaced", url=url)
            alive = await repository.list_alive(session, self._dead_after)
            for node in alive:
                if url is not None and node.url is not None:
                    continue
                if not await repository.is_gone(session, node.id):
                    return node
                await repository.remove_node(session, node.id)
            await self._enter(session)
        return None

    async def _enter(self, session: AsyncSession) -> None:
        await repository.add_node(
            session, self._homes.node_id, socket.gethostname(), self._settings.node_url
        )
        add_note(session, Note(kind=Kind.NODES))

    async def _expelled(self) -> None:
        """The others took this process for dead: what it holds is theirs. Begin anew."""
        logger.warning("this process was taken for dead and begins anew")
        self._lapsed = time.monotonic()
        self._household.let_all_go()
        async with transaction(self._sessions) as session:
            await self._enter(session)
        self._homes.woken.set()

    # --- living -----------------------------------------------------------------------------------

    async def _beat(self) -> None:
        failing = False
        while True:
            await asyncio.sleep(self._settings.node_heartbeat_seconds)
            try:
                await self._homes.beat()
                if failing:
                    self._lapsed = time.monotonic()
                failing = False
            except Exception as error:  # noqa: BLE001 - it has to go on beating
                if not failing:
                    logger.warning("the database does not answer", error=repr(error))
                failing = True

    async def _watch(self) -> None:
        failing = False
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._settings.node_heartbeat_seconds):
                    await self._homes.woken.wait()
            try:
                await self._look()
                failing = False
            except Exception as error:
                if not failing:
                    logger.warning("other processes are not seen", exc_info=error)
                failing = True

    async def _look(self) -> None:
        """Take over from the dead; now and then, and whenever there is doubt, read all anew."""
        await self._homes.make_sure()
        # Who was away accuses nobody: the others may have been cut off from the database as well.
        if time.monotonic() - self._lapsed > self._dead_after:
            await self._take_over(DIED)
        woken = self._homes.woken.is_set()
        if woken or time.monotonic() - self._reread_at > _REREAD_SECONDS:
            self._homes.woken.clear()
            self._reread_at = time.monotonic()
            await self._household.reconcile()
            if woken:
                self._changed()

    async def _take_over(self, detail: str) -> None:
        async with transaction(self._sessions) as session:
            if not await repository.has_orphans(session, self._dead_after):
                return
            await repository.lock_membership(session)
            dead = await repository.remove_dead(session, self._dead_after)
            taken = await repository.take_orphans(session, self._homes.node_id)
            await devices.set_offline(session, taken, detail)
            add_note(session, Note(kind=Kind.NODES))
        logger.warning("devices are taken over", dead=len(dead), devices=len(taken))
        await self._homes.reread()
        await self._household.restore(detail)
        self._changed()

    # --- notes ------------------------------------------------------------------------------------

    def _heard(self, text: str) -> None:
        note = read_note(text)
        if note is None or note.sender == self._homes.node_id:
            return
        # Who may have been taken for dead finds that out first, and then reads what notes tell of.
        if note.kind is Kind.NODES or self._homes.doubtful:
            self._homes.woken.set()
        else:
            self._household.heard(note)

    def _regained(self) -> None:
        self._homes.follows = True
        self._homes.woken.set()

    def _lost(self) -> None:
        self._homes.follows = False
