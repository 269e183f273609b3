"""From frames to a result: store the file, end the acquisition, tell the device."""

import errno
import json
from typing import Any
from uuid import UUID

from device_manager.acquisitions import service
from device_manager.acquisitions.control_room import ControlRoom
from device_manager.acquisitions.lease import Lease
from device_manager.acquisitions.rules import AcquisitionState
from device_manager.devices.service import device_actor
from device_manager.links.commands import Feedback
from device_manager.uploads.rules import PARAMETER_FILE
from device_manager.uploads.transfer import Announced, Transfer, TransferError
from scanhub_libraries.database import transaction
from scanhub_libraries.lake import result_directory, result_key
from scanhub_libraries.logging import get_logger

logger = get_logger(__name__)


def takes_files(lease: Lease) -> bool:
    """Say whether a file can still become a result of the acquisition."""
    return lease.is_open or lease.state is AcquisitionState.FINISHED


class Archive:
    """The files of all devices that are on their way into the lake.

    A file that has come whole is stored and entered, also when its link ends meanwhile.
    """

    def __init__(self, room: ControlRoom) -> None:
        self._room = room
        self._under_way: dict[tuple[UUID, str], Transfer] = {}

    def find(self, lease: Lease, filename: str) -> Transfer | None:
        """Return the transfer of this file that is under way."""
        return self._under_way.get((lease.id, filename))

    def begin(self, lease: Lease, transfer: Transfer) -> None:
        """Receive a file in the background; the device is told how it ended."""
        filename = transfer.announced.filename
        self._under_way[lease.id, filename] = transfer
        lease.uploading = True
        self._room.run(self._receive(lease, transfer), name=f"upload {filename}")

    async def _receive(self, lease: Lease, transfer: Transfer) -> None:
        announced = transfer.announced
        problem: str | None = None
        try:
            await self._store(lease, transfer)
        except TransferError as error:
            problem = str(error)
        except OSError as error:
            problem = _explain(error)
            logger.warning("a file cannot be stored", task_id=str(lease.task_id), why=problem)
        except Exception:
            problem = "something went wrong on our side; send the file again"
            logger.exception("an upload failed", task_id=str(lease.task_id))
        finally:
            transfer.fail("the upload has ended")
            del self._under_way[lease.id, announced.filename]
            lease.uploading = any(acquisition == lease.id for acquisition, _ in self._under_way)
            transfer.ended.set()
        if problem is None:
            self._room.tell(lease.device_id, await self._entered(lease, announced))
        else:
            message = f"File {announced.filename} not stored: {problem}."
            self._room.tell(lease.device_id, not_stored(message, lease, announced.filename))

    async def _store(self, lease: Lease, transfer: Transfer) -> None:
        """Bring the file into the lake and its entry into the database, or neither."""
        announced, lake = transfer.announced, self._room.lake
        folder = result_directory(lease.workflow_id, lease.task_id, announced.result_id)
        key = result_key(lease.workflow_id, lease.task_id, announced.result_id, announced.filename)
        stored = False
        try:
            document = {"device_id": str(lease.device_id), "parameter": announced.device_parameter}
            await lake.put(f"{folder}/{PARAMETER_FILE}", json.dumps(document, indent=2).encode())
            async with lake.writer(key) as part:
                await transfer.write_to(part)
                if not takes_files(lease):
                    raise TransferError(f"the acquisition has ended ({lease.state})")
                await part.commit()
            await self._record(lease, announced, part.sha256)
            stored = True
        finally:
            if not stored:
                await lake.delete_tree(folder)

    async def _record(self, lease: Lease, announced: Announced, sha256: str) -> None:
        """From here on the acquisition has finished, and exam-manager is owed its result."""
        file: dict[str, Any] = {
            "filename": announced.filename,
            "sha256": sha256,
            "size_bytes": announced.size_bytes,
            "result_id": str(announced.result_id),
        }
        async with lease.lock:
            async with transaction(self._room.sessions) as session:
                state = await service.add_file(
                    session, lease.id, file, actor=device_actor(lease.device_id)
                )
            if state is not AcquisitionState.FINISHED:
                raise TransferError(f"the acquisition has ended ({state})")
            lease.state = state
            lease.files.append(file)
        self._room.ended(lease)

    async def _entered(self, lease: Lease, announced: Announced) -> Feedback:
        """Return the verdict on a file that is safe in the lake."""
        message = f"File {announced.filename} saved"
        await self._room.free_device(lease)
        try:
            refused = await self._room.settlement.wait(
                lease.id, self._room.settings.record_wait_seconds
            )
        except TimeoutError:
            message += "; exam-manager is away, the result is entered when it is back"
        else:
            if refused is not None:
                for file in lease.files:
                    if file["filename"] == announced.filename:
                        file["problem"] = refused
                message = (
                    f"File {announced.filename} is safe in the lake, but is not entered as a "
                    f"result: {refused} Do not send it again; tell the technician."
                )
                return not_stored(message, lease, announced.filename)
        return stored(message, lease, announced.filename, announced.result_id)


def stored(message: str, lease: Lease, filename: str, result_id: UUID) -> Feedback:
    """Return the verdict on a file that is a result now."""
    return Feedback(
        message=message, ok=True, task_id=lease.task_id, filename=filename, result_id=result_id
    )


def not_stored(message: str, lease: Lease, filename: str) -> Feedback:
    """Return the verdict on a file that is no result."""
    return Feedback(message=message, ok=False, task_id=lease.task_id, filename=filename)


def _explain(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the data lake is full; make room on the server, then send the file again"
    return f"the data lake cannot be written ({error.strerror or error}); send the file again"
