"""Uploads that nobody goes on with: removed when their scan has ended and time has passed."""

from datetime import UTC, datetime, timedelta

from device_manager.acquisitions.control_room import ControlRoom
from device_manager.uploads import repository
from device_manager.uploads.reception import Reception
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import reading
from scanhub_libraries.lake_unfinished import UNFINISHED_FOLDER
from scanhub_libraries.repeating import Repeating

_LONGEST_PAUSE_SECONDS = 600.0


class UploadSweep(Repeating):
    """Looks for what was left, again and again."""

    def __init__(self, room: ControlRoom, reception: Reception) -> None:
        self._room = room
        self._reception = reception
        pause = min(room.settings.upload_expiry_seconds / 4, _LONGEST_PAUSE_SECONDS)
        super().__init__("sweeping uploads", self._sweep, pause)

    async def _sweep(self) -> None:
        expiry = timedelta(seconds=self._room.settings.upload_expiry_seconds)
        before = utc_now() - expiry
        async with reading(self._room.sessions) as session:
            left = await repository.list_left(session, before, self._room.homes)
            known = {f"{row.id}.part" for row in await repository.list_uploads(session)}
        for row in left:
            await self._reception.expire(row)
        await self._remove_strays(known, before)

    async def _remove_strays(self, known: set[str], before: datetime) -> None:
        """Remove files without an upload: their process ended between the two."""
        for file in await self._room.lake.list_files(UNFINISHED_FOLDER):
            if file.name not in known and file.modified_at < before.astimezone(UTC):
                await self._room.lake.delete(file.key)
