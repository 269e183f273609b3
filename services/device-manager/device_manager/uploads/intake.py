"""The intake of one link: which file its binary frames belong to."""

from device_manager.acquisitions.control_room import ControlRoom
from device_manager.acquisitions.lease import Lease
from device_manager.acquisitions.reports import find_reported
from device_manager.links.commands import Feedback, refusal
from device_manager.links.link import DeviceLink
from device_manager.links.messages import FileTransfer
from device_manager.uploads.archive import Archive, stored_before, takes_files
from device_manager.uploads.rules import check_header, result_id_of
from device_manager.uploads.transfer import Announced, Transfer
from scanhub_libraries.errors import ScanHubError, UnprocessableError
from scanhub_libraries.logging import get_logger

logger = get_logger(__name__)
_RETRY_AFTER_S = 1.0


class Intake:
    """Takes the file headers and binary frames of one link, in the order in which they come."""

    def __init__(self, link: DeviceLink, room: ControlRoom, archive: Archive) -> None:
        self._link = link
        self._room = room
        self._archive = archive
        self._lease: Lease | None = None
        self._transfer: Transfer | None = None
        self._refused = False  # frames of a refused file may be on their way: they are no news

    async def begin(self, header: FileTransfer) -> None:
        """A file is announced."""
        self._give_way(header)
        self._refused = True
        try:
            answer = await self._begin(header)
        except ScanHubError as error:
            answer = _refused(header, error.detail, error.extensions.get("retry_after"))
        except Exception:  # whoever waits for a verdict gets one: a database may be away
            logger.exception(
                "a file was not begun",
                device_id=str(self._link.device_id),
                filename=header.filename[:200],
            )
            answer = _refused(
                header, "something went wrong on our side; send it again.", _RETRY_AFTER_S
            )
        if answer is not None:
            self._link.tell(answer)

    async def _begin(self, header: FileTransfer) -> Feedback | None:
        """Return the verdict if there is one at once, None when the bytes are awaited."""
        name = check_header(
            header.filename,
            header.size_bytes,
            largest=self._room.settings.max_upload_bytes,
        )
        lease = await find_reported(
            self._room, self._link.device_id, header.task_id, header.user_access_token
        )
        if lease is None:
            raise UnprocessableError("user_access_token: missing.")
        known = stored_before(lease, name, header.sha256)
        if known is not None:
            return known
        if not takes_files(lease):
            raise UnprocessableError(
                f"the acquisition has ended ({lease.state}); start the task again to take data."
            )
        under_way = self._archive.find(lease, name)
        if under_way is not None:
            if under_way.is_whole:  # its verdict comes over the link that the device has now
                return None
            under_way.give_up("the file was announced again")
            await under_way.ended.wait()
        await self._expect(lease, name, header)
        return None

    async def _expect(self, lease: Lease, name: str, header: FileTransfer) -> None:
        """Take the frames that follow, if there is room for them."""
        parameter = header.device_parameter
        announced = Announced(
            filename=name,
            size_bytes=header.size_bytes,
            sha256=header.sha256,
            result_id=result_id_of(lease.id, name),
            device_parameter=lease.device_parameter if parameter is None else parameter,
            has_trailer=header.trailer is not None,
        )
        async with self._archive.space.turn:
            await self._archive.space.check(lease.device_id, header.size_bytes)
            self._lease, self._refused = lease, False
            self._transfer = Transfer(
                announced,
                buffer_bytes=self._room.settings.upload_buffer_bytes,
                idle_seconds=self._room.settings.upload_idle_seconds,
            )
            self._archive.begin(lease, self._transfer)

    async def take(self, frame: bytes) -> None:
        """Take a binary frame."""
        if self._transfer is None:
            if not self._refused:
                self._link.tell(
                    refusal("A binary frame came without a file-transfer: announce the file first.")
                )
            return
        if self._transfer.is_whole:
            self._transfer = None
            await self.take(frame)
            return
        await self._transfer.take(frame)
        if self._transfer.is_whole:
            self._transfer = None

    def stopped(self) -> None:
        """The scan was stopped: no more of its file comes."""
        self._drop("the scan was stopped")

    def link_ended(self) -> None:
        """No more frames come over this link.

        The device knows; a verdict would reach it over its next link, where it would be taken for
        that on the next try.
        """
        if self._transfer is not None:
            self._transfer.give_up("the link broke")
        self._transfer = None

    def _give_way(self, header: FileTransfer) -> None:
        """A file that is not whole makes room for the next; if that is the same, it begins anew."""
        transfer, lease = self._transfer, self._lease
        if transfer is None or lease is None:
            return
        same = (lease.task_id, transfer.announced.filename) == (header.task_id, header.filename)
        if same:
            transfer.give_up("the file was announced again")
        self._drop("another file was announced before this one was whole; send it again")

    def _drop(self, why: str) -> None:
        if self._transfer is not None:
            self._transfer.fail(why)
        self._transfer = None


def _refused(header: FileTransfer, why: str, retry_after_s: float | None) -> Feedback:
    return Feedback(
        message=f"File {header.filename[:200]} not stored: {why}",
        ok=False,
        task_id=header.task_id,
        filename=header.filename,
        retry_after_s=retry_after_s,
    )
