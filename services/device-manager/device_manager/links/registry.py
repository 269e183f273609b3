"""Which link is a device's link now."""

from collections.abc import Iterator
from uuid import UUID

from device_manager.links.link import DeviceLink
from device_manager.links.protocol import CloseCode


class LinkRegistry:
    """The live links of this process. The newest connection of a device is its link."""

    def __init__(self) -> None:
        self._links: dict[UUID, DeviceLink] = {}
        self.revocations = 0
        """Counts what made tokens void: who checked one before has to check again."""

    def add(self, link: DeviceLink) -> None:
        """Take in a link; of two of the same device, the older one is closed."""
        other = self._links.get(link.device_id)
        newer, older = link, other
        if other is not None and other.home_version > link.home_version:
            newer, older = other, link
        self._links[link.device_id] = newer
        if older is not None and older is not newer:
            older.close("the device has connected again", CloseCode.CONNECTED_AGAIN)

    def revoked(self) -> None:
        """A token has become void."""
        self.revocations += 1

    def remove(self, link: DeviceLink) -> bool:
        """Take out this very link; False if another one has taken its place."""
        if self._links.get(link.device_id) is not link:
            return False
        del self._links[link.device_id]
        return True

    def is_current(self, link: DeviceLink) -> bool:
        """Say whether this is the device's link."""
        return self._links.get(link.device_id) is link

    def find(self, device_id: UUID) -> DeviceLink | None:
        """Return the link of a device."""
        return self._links.get(device_id)

    def find_ready(self, device_id: UUID) -> DeviceLink | None:
        """Return the link of a device that has introduced itself."""
        link = self._links.get(device_id)
        return link if link is not None and link.registered else None

    def __iter__(self) -> Iterator[DeviceLink]:
        return iter(list(self._links.values()))
