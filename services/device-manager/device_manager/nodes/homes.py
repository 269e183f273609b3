"""Where devices are at home: the one process that answers for a device.

It holds the lease of the device in memory, the deadlines and, while the device is connected, the
link. Everything about a device happens there.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped

from device_manager.devices.models import Device
from scanhub_libraries.errors import ScanHubError

FORWARD_SECONDS = 30.0
"""Time in which the home of a device has to answer a request that was passed on to it."""
Otherwise = Callable[[], Awaitable[ScanHubError]]


@dataclass(frozen=True, slots=True)
class Peer:
    """Another process that lives."""

    id: UUID
    url: str | None


class ElsewhereError(Exception):
    """The device is at home at another process: the request has to be passed on.

    Args:
        peer: Its home.
        seconds: Time that the home has to answer [s].
        otherwise: Does what can be done when the home does not answer; returns what to answer.
    """

    def __init__(
        self, peer: Peer, *, seconds: float = FORWARD_SECONDS, otherwise: Otherwise | None = None
    ) -> None:
        super().__init__(f"the device is at home at {peer.id}")
        self.peer = peer
        self.seconds = seconds
        self.otherwise = otherwise


@dataclass(frozen=True, slots=True)
class Homecoming:
    """A device has come home by connecting.

    Attributes:
        version: Of two homecomings of a device, the one with the higher version is the later.
        moved: It was at home at another process before, or nowhere.
        former: Which process that was.
    """

    version: int
    moved: bool = False
    former: UUID | None = None


class Homes:
    """The homes of all devices when there is one process: here. Needs no database."""

    node_id: UUID | None = None
    """This process; None: there can be no other."""

    def __init__(self) -> None:
        self._homecomings = 0

    @property
    def doubtful(self) -> bool:
        """Say whether this process stood still for so long that it may have been taken for dead."""
        return False

    async def make_sure(self) -> None:
        """Find out whether this process is still what it takes itself for."""

    def own(self, device_id: Mapped[UUID]) -> sa.ColumnElement[bool]:  # noqa: ARG002 - see SharedHomes
        """Return the condition that a device, named by a column, is at home here."""
        return sa.true()

    async def find(self, device_id: UUID) -> Peer | None:  # noqa: ARG002 - see SharedHomes
        """Return the other process where a device is at home; None: it is here, or nowhere."""
        return None

    def check(self, device: Device) -> None:
        """Refuse to go on with a device that is at home elsewhere, as its row says.

        Raises:
            ElsewhereError: It is.
        """

    async def holds(self, session: AsyncSession, device_id: UUID) -> bool:  # noqa: ARG002 - see SharedHomes
        """Say whether a device is at home here, and will be until the transaction ends."""
        return True

    async def claim(self, device_id: UUID) -> Homecoming | None:  # noqa: ARG002 - see SharedHomes
        """A device connects: it is at home here from now on. None: there is no such device."""
        self._homecomings += 1
        return Homecoming(self._homecomings)

    def is_newest(self, device_id: UUID, version: int) -> bool:  # noqa: ARG002 - see SharedHomes
        """Say whether a device has not come home elsewhere since."""
        return True
