"""Homes of devices when several processes share one PostgreSQL database.

The table `device` says where a device is at home. A map of it is kept here, so that a stop costs no
query: it follows the notes, and is read anew when notes may have been missed.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped
from sqlmodel import col

from device_manager.devices.models import Device
from device_manager.nodes import repository
from device_manager.nodes.homes import ElsewhereError, Homecoming, Homes, Peer
from device_manager.nodes.models import Node
from device_manager.nodes.notes import Kind, Note, add_note
from device_manager.nodes.repository import Home
from scanhub_libraries.database import Sessions, reading, transaction
from scanhub_libraries.errors import UnavailableError
from scanhub_libraries.logging import get_logger

logger = get_logger(__name__)
_DOUBT = 0.7
"""Part of the time after which others take a process for dead: from then on it asks."""
_LONGEST_LOOK_SECONDS = 1.0


async def _nothing() -> None:
    """Nothing follows."""


class SharedHomes(Homes):
    """The homes of all devices, as this process knows them."""

    def __init__(self, sessions: Sessions, node_id: UUID, *, dead_after_seconds: float) -> None:
        super().__init__()
        self.node_id: UUID = node_id
        self._sessions = sessions
        self._dead_after = dead_after_seconds
        self._homes: dict[UUID, tuple[UUID | None, int]] = {}
        self._peers: dict[UUID, Peer] = {}
        self._beating = asyncio.Lock()
        self._ticked = float("inf")
        self.follows = False
        """Notes arrive; while they do not, the map may be old."""
        self.woken = asyncio.Event()
        """Somebody has seen that this process does not know what the table says."""
        self.expelled: Callable[[], Awaitable[None]] = _nothing
        """What is done when the others have taken this process for dead."""

    # --- does this process live? ------------------------------------------------------------------

    @property
    def doubtful(self) -> bool:
        """Say whether this process stood still for so long that it may have been taken for dead.

        The database being away is no reason: then nobody can have taken over.
        """
        return time.monotonic() - self._ticked > _DOUBT * self._dead_after

    async def make_sure(self) -> None:
        """Find out whether this process is still what it takes itself for, if that is doubtful."""
        if self.doubtful:
            try:
                await self.beat()
            except Exception as error:  # noqa: BLE001 - without a database nobody took over either
                logger.warning("it is not known whether others took over", error=repr(error))

    async def beat(self) -> None:
        """Show that this process lives, and learn if the others think that it does not."""
        doubted = self.doubtful
        async with self._beating:
            if doubted and not self.doubtful:
                return  # somebody else has asked meanwhile
            try:
                async with asyncio.timeout(self._dead_after / 4):
                    async with transaction(self._sessions) as session:
                        known = await repository.beat(session, self.node_id)
                if not known:
                    await self.expelled()
            finally:
                self._ticked = time.monotonic()

    # --- the map ----------------------------------------------------------------------------------

    def learn(self, device_id: UUID, node_id: UUID | None, version: int) -> None:
        """Take in where a device is at home, unless something newer is known."""
        if version >= self._homes.get(device_id, (None, -1))[1]:
            self._homes[device_id] = (node_id, version)

    def meet(self, nodes: Iterable[Node]) -> None:
        """Take in which processes live."""
        self._peers = {
            node.id: Peer(node.id, node.url) for node in nodes if node.id != self.node_id
        }

    def is_elsewhere(self, device_id: UUID) -> bool:
        """Say whether a device is at home at another process, as far as is known."""
        return self._homes.get(device_id, (None, 0))[0] not in (None, self.node_id)

    def lives(self, node_id: UUID) -> bool:
        """Say whether another process lives, as far as is known."""
        return node_id in self._peers

    def version(self, device_id: UUID) -> int:
        """Return which homecoming of a device was the last, as far as is known."""
        return self._homes.get(device_id, (None, 0))[1]

    def is_newest(self, device_id: UUID, version: int) -> bool:
        """Say whether a device has not come home elsewhere since."""
        return self.version(device_id) <= version

    async def reread(self) -> list[Home]:
        """Read all homes and processes anew."""
        async with reading(self._sessions) as session:
            nodes = await repository.list_nodes(session)
            homes = list(await repository.list_homes(session))
        self.meet(nodes)
        for home in homes:
            self.learn(home.device_id, home.node_id, home.version)
        return homes

    async def find(self, device_id: UUID) -> Peer | None:
        """Return the other process where a device is at home; None: it is here, or nowhere."""
        await self.make_sure()
        node_id = self._homes.get(device_id, (None, 0))[0]
        unknown = device_id not in self._homes
        away = node_id not in (None, self.node_id) and node_id not in self._peers
        if unknown or away or not self.follows:
            try:
                async with asyncio.timeout(_LONGEST_LOOK_SECONDS):
                    await self._look(device_id)
            except Exception as error:  # noqa: BLE001 - a stop must not wait for the database
                logger.warning("what is known of homes has to do", error=repr(error))
            node_id = self._homes.get(device_id, (None, 0))[0]
        return self._peer(node_id)

    async def _look(self, device_id: UUID) -> None:
        async with reading(self._sessions) as session:
            home = await repository.find_home(session, device_id)
            node = None
            if home is not None and home.node_id is not None:
                node = await repository.find_node(session, home.node_id)
        if home is not None:
            self.learn(device_id, home.node_id, home.version)
        if node is not None and node.id != self.node_id:
            self._peers[node.id] = Peer(node.id, node.url)

    def _peer(self, node_id: UUID | None) -> Peer | None:
        return None if node_id is None else self._peers.get(node_id)

    # --- the table --------------------------------------------------------------------------------

    def own(self, device_id: Mapped[UUID]) -> sa.ColumnElement[bool]:
        """Return the condition that a device, named by a column, is at home here.

        What is left of a device that was deleted is everybody's.
        """
        ids = sa.select(col(Device.id))
        return device_id.in_(ids.where(col(Device.node_id) == self.node_id)) | device_id.not_in(ids)

    def check(self, device: Device) -> None:
        """Refuse to go on with a device that is at home elsewhere, as its row says."""
        self.learn(device.id, device.node_id, device.home_version)
        peer = self._peer(device.node_id)
        if peer is not None:
            self.woken.set()
            raise ElsewhereError(peer)

    async def holds(self, session: AsyncSession, device_id: UUID) -> bool:
        """Say whether a device is at home here, and will be until the transaction ends."""
        if await repository.home_of(session, device_id) in (None, self.node_id):
            return True
        self.woken.set()
        logger.info("nothing is written: the device is at home elsewhere", device_id=str(device_id))
        return False

    async def claim(self, device_id: UUID) -> Homecoming | None:
        """A device connects: it is at home here from now on. None: there is no such device.

        Raises:
            UnavailableError: The others take this process for dead.
        """
        async with transaction(self._sessions) as session:
            if not await repository.is_registered(session, self.node_id):
                self.woken.set()
                raise UnavailableError("This process is joining the others: try again.")
            home = await repository.find_home(session, device_id, lock=True)
            if home is None:
                return None
            version = home.version + 1
            await repository.set_home(session, device_id, self.node_id, version)
            moved = home.node_id != self.node_id
            if moved:
                add_note(
                    session,
                    Note(
                        kind=Kind.HOME,
                        device_id=device_id,
                        node_id=self.node_id,
                        version=version,
                    ),
                )
        self.learn(device_id, self.node_id, version)
        return Homecoming(version, moved, home.node_id)
