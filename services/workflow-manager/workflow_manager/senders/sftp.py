"""A folder that is reached by SFTP: each file appears whole, `.complete` appears last."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import PurePosixPath
from secrets import token_hex

import asyncssh

from scanhub_libraries.models import TargetStep
from scanhub_libraries.models.target import SftpTarget
from workflow_manager.senders.folder import COMPLETE, PART, wanted
from workflow_manager.senders.port import Item, Pace, SendReport, Shipment
from workflow_manager.senders.ssh import HostKeyError, connect, login_steps, why

_CHUNK = 1 << 18
_FAILURES = (OSError, asyncssh.Error, asyncssh.KeyImportError, HostKeyError, TimeoutError)


class SftpSender:
    """Puts files into `<folder>/<id of the dispatch>/`."""

    whole = False

    def __init__(
        self, target: SftpTarget, pace: Pace, *, connect_timeout_s: float, timeout_s: float
    ) -> None:
        self._target = target
        self._pace = pace
        self._connect_timeout_s = connect_timeout_s
        self._timeout_s = timeout_s

    async def send(self, shipment: Shipment, report: SendReport) -> None:
        """Put what is not there yet."""
        items = wanted(shipment.items, self._target.file_filter, report)
        try:
            async with (
                await connect(self._target, self._connect_timeout_s) as connection,
                connection.start_sftp_client() as sftp,
            ):
                folder = PurePosixPath(self._target.folder) / str(shipment.id)
                await self._put_all(sftp, folder, items, report)
        except _FAILURES as error:
            report.fail_rest(shipment.items, why(error, self._target))

    async def test(self) -> list[TargetStep]:
        """Log in, and write a file into the folder."""
        steps, connection = await login_steps(self._target, self._connect_timeout_s)
        if connection is None:
            return steps
        folder = self._target.folder
        name = "folder"
        async with connection:
            try:
                async with asyncio.timeout(self._timeout_s), connection.start_sftp_client() as sftp:
                    if not await sftp.isdir(folder):
                        detail = f"There is no folder {folder}."
                        return [*steps, TargetStep(name=name, ok=False, detail=detail)]
                    steps.append(TargetStep(name=name, ok=True, detail=f"{folder} is there."))
                    name = "write"
                    file = f"{folder}/.scanhub-test-{token_hex(8)}"
                    async with sftp.open(file, "wb"):
                        pass
                    await sftp.remove(file)
            except _FAILURES as error:
                detail = why(error, self._target)
                return [*steps, TargetStep(name=name, ok=False, detail=detail)]
        return [*steps, TargetStep(name=name, ok=True, detail="Files can be written there.")]

    async def _put_all(
        self,
        sftp: asyncssh.SFTPClient,
        folder: PurePosixPath,
        items: Sequence[Item],
        report: SendReport,
    ) -> None:
        async with asyncio.timeout(self._timeout_s):
            if not await sftp.isdir(str(folder)):
                await sftp.mkdir(str(folder))
            with suppress(asyncssh.SFTPNoSuchFile):
                await sftp.remove(str(folder / COMPLETE))
        put: list[Item] = []
        for item in items:
            if report.stop.is_set():
                return
            try:
                await self._put(sftp, item, folder)
            except asyncssh.SFTPError as error:
                report.failed[item.sop_instance_uid] = why(error, self._target)
            else:
                put.append(item)
                report.sent.append(item.sop_instance_uid)
        if report.failed:
            return
        try:
            async with asyncio.timeout(self._timeout_s), sftp.open(str(folder / COMPLETE), "wb"):
                pass
        except _FAILURES:  # without that word it does not count
            report.sent.clear()
            raise

    async def _put(self, sftp: asyncssh.SFTPClient, item: Item, folder: PurePosixPath) -> None:
        size = (await asyncio.to_thread(item.path.stat)).st_size
        place, part = str(folder / item.name), str(folder / f".{item.name}{PART}")
        with suppress(asyncssh.SFTPNoSuchFile):
            if (await sftp.stat(place)).size == size:
                return  # an attempt that was cut short had it there: it was renamed, so it is whole
        with await asyncio.to_thread(item.path.open, "rb") as read:
            async with sftp.open(part, "wb") as write:
                while chunk := await asyncio.to_thread(read.read, self._pace.at_once(_CHUNK)):
                    await self._pace.wait(len(chunk))
                    async with asyncio.timeout(self._timeout_s):
                        await write.write(chunk)
        async with asyncio.timeout(self._timeout_s):
            await _rename(sftp, part, place)


async def _rename(sftp: asyncssh.SFTPClient, part: str, place: str) -> None:
    """Rename over what is there; old servers cannot, so there it is removed first."""
    try:
        await sftp.posix_rename(part, place)
    except asyncssh.SFTPOpUnsupported:
        with suppress(asyncssh.SFTPNoSuchFile):
            await sftp.remove(place)
        await sftp.rename(part, place)
