"""The state of the devices as they say it, kept in the database and, for speed, in memory."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID
from weakref import WeakValueDictionary

from device_manager.devices import service
from device_manager.links.registry import LinkRegistry
from device_manager.nodes.homes import Homes
from scanhub_libraries.database import Sessions, transaction
from scanhub_libraries.events import EventType
from scanhub_libraries.models import DeviceStatus


class Presence:
    """Writes the state of a device when it changes, one change of a device after the other."""

    def __init__(self, sessions: Sessions, links: LinkRegistry, homes: Homes) -> None:
        self._sessions = sessions
        self._homes = homes
        self._links = links
        self._known: dict[UUID, tuple[DeviceStatus, str | None]] = {}
        self._locks: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()
        self._news = asyncio.Event()

    def status(self, device_id: UUID) -> DeviceStatus:
        """Return the state of a device."""
        return self._known.get(device_id, (DeviceStatus.OFFLINE, None))[0]

    async def registered(
        self,
        device_id: UUID,
        details: dict[str, object],
        status: DeviceStatus,
        parameter: dict[str, object] | None = None,
    ) -> service.Registered | None:
        """A device has introduced itself; None: it is not here any more."""
        async with self._lock(device_id):
            async with transaction(self._sessions) as session:
                if not await self._homes.holds(session, device_id):
                    return None
                known = await service.register(session, device_id, details, status, parameter)
            self._known[device_id] = (status, None)
        return known

    async def changed(
        self,
        device_id: UUID,
        status: DeviceStatus,
        detail: str | None = None,
        *,
        holds: Callable[[], bool] | None = None,
    ) -> None:
        """A device says in which state it is.

        Args:
            device_id: The device.
            status: What it says.
            detail: Why.
            holds: Asked when it is this change's turn: whether it is still so.
        """
        if self._known.get(device_id) == (status, detail):
            return
        async with self._lock(device_id):
            if holds is None or holds():
                await self._write(device_id, status, detail)

    async def freed(self, device_id: UUID) -> None:
        """What a device was busy with has ended, also if nobody has written yet that it is busy."""
        async with self._lock(device_id):
            if self.status(device_id) is DeviceStatus.BUSY:
                await self._write(device_id, DeviceStatus.ONLINE, None)

    async def wait_while_busy(self, device_id: UUID, seconds: float) -> None:
        """Wait for a device that is about to say that it is free, but not for long.

        Args:
            device_id: The device.
            seconds: The longest wait [s].
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.status(device_id) is DeviceStatus.BUSY:
                    await self._news.wait()

    async def _write(self, device_id: UUID, status: DeviceStatus, detail: str | None) -> None:
        async with transaction(self._sessions) as session:
            if not await self._homes.holds(session, device_id):
                return
            await service.set_status(session, device_id, status, detail)
        self._known[device_id] = (status, detail)
        self._news.set()
        self._news = asyncio.Event()

    async def disconnected(self, device_id: UUID) -> None:
        """The link of a device has ended, unless there is a new one by now."""
        async with self._lock(device_id):
            if self._links.find(device_id) is not None:
                return
            self._known.pop(device_id, None)
            async with transaction(self._sessions) as session:
                if not await self._homes.holds(session, device_id):
                    return
                await service.set_status(
                    session, device_id, DeviceStatus.OFFLINE, None, EventType.DEVICE_DISCONNECTED
                )

    def forget(self, device_id: UUID) -> None:
        """A device is at home elsewhere."""
        self._known.pop(device_id, None)

    def _lock(self, device_id: UUID) -> asyncio.Lock:
        return self._locks.setdefault(device_id, asyncio.Lock())
