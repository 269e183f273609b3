"""From bytes to a result: store the file, end the acquisition, tell the device."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

from sqlalchemy.ext.asyncio import AsyncSession

from device_manager.acquisitions import service
from device_manager.acquisitions.control_room import ControlRoom
from device_manager.acquisitions.lease import Lease
from device_manager.acquisitions.rules import AcquisitionState
from device_manager.devices.service import device_actor
from device_manager.links.commands import Feedback
from device_manager.uploads import repository
from device_manager.uploads.rules import PARAMETER_FILE, result_of
from device_manager.uploads.space import Space, storage_error
from device_manager.uploads.transfer import Announced, Transfer, TransferError
from scanhub_libraries.database import transaction
from scanhub_libraries.errors import UnprocessableError
from scanhub_libraries.lake import result_directory, result_key
from scanhub_libraries.logging import get_logger

logger = get_logger(__name__)
Note = Callable[[AsyncSession], Awaitable[None]]


def takes_files(lease: Lease) -> bool:
    """Say whether a file can still become a result of the acquisition."""
    return lease.is_open or lease.state is AcquisitionState.FINISHED


class Archive:
    """The files of all devices that are on their way into the lake, whichever way they come.

    A file that has come whole is stored and entered, also when its link ends meanwhile.
    """

    def __init__(self, room: ControlRoom) -> None:
        self._room = room
        self._under_way: dict[tuple[UUID, str], Transfer] = {}
        self._coming: Counter[UUID] = Counter()
        self._turns: WeakValueDictionary[tuple[UUID, str], asyncio.Lock] = WeakValueDictionary()
        self.space = Space(room)

    def find(self, lease: Lease, filename: str) -> Transfer | None:
        """Return the transfer of this file that is under way over a link."""
        return self._under_way.get((lease.id, filename))

    def begin(self, lease: Lease, transfer: Transfer) -> None:
        """Receive a file in the background; the device is told how it ended."""
        filename = transfer.announced.filename
        self._under_way[lease.id, filename] = transfer
        self.space.begin(transfer, lease.device_id, transfer.announced.size_bytes)
        self._room.run(self._receive(lease, transfer), name=f"upload {filename}")

    @contextmanager
    def holding(self, lease: Lease) -> Iterator[None]:
        """While data of a scan come, nobody gives it up for want of them."""
        self._coming[lease.id] += 1
        lease.uploading = True
        try:
            yield
        finally:
            self._coming[lease.id] -= 1
            if not self._coming[lease.id]:
                del self._coming[lease.id]
                lease.uploading = False

    async def _receive(self, lease: Lease, transfer: Transfer) -> None:
        announced = transfer.announced
        problem: str | None = None
        try:
            with self.holding(lease):
                await self._store(lease, transfer)
        except TransferError as error:
            problem = str(error)
        except OSError as error:
            problem = storage_error(error).detail
            logger.warning("a file cannot be stored", task_id=str(lease.task_id), why=problem)
        except Exception:
            problem = "something went wrong on our side; send the file again"
            logger.exception("an upload failed", task_id=str(lease.task_id))
        finally:
            transfer.fail("the upload has ended")
            del self._under_way[lease.id, announced.filename]
            self.space.end(transfer)
            transfer.ended.set()
        if problem is None:
            self._room.tell(lease.device_id, await self.verdict(lease, announced))
        elif not transfer.is_given_up:
            message = f"File {announced.filename} not stored: {problem}."
            self._room.tell(lease.device_id, not_stored(message, lease, announced.filename))

    async def _store(self, lease: Lease, transfer: Transfer) -> None:
        """Bring the file into the lake and its entry into the database, or neither."""
        announced, lake = transfer.announced, self._room.lake
        try:
            async with lake.writer(_key(lease, announced)) as part, transfer.writing(part) as write:

                async def written() -> str:
                    await write
                    return part.sha256

                async def commit(_key: str) -> None:
                    await part.commit()

                await transfer.over.wait()
                if not transfer.is_whole:
                    await write
                await self.enter(lease, announced, written, commit)
        except BaseException:
            await lake.delete_empty(_folder(lease, announced))
            raise

    async def enter(
        self,
        lease: Lease,
        announced: Announced,
        written: Callable[[], Awaitable[str]],
        commit: Callable[[str], Awaitable[None]],
        *,
        note: Note | None = None,
    ) -> None:
        """Make a file of which all has come a result. If it is one already, nothing is done.

        Args:
            lease: Its acquisition.
            announced: What it is.
            written: Returns its checksum, as computed from what came, when the last of it is
                written; what can be done before is done meanwhile.
            commit: Puts it into the lake under a key.
            note: What else is written in the transaction that makes it a result.

        Raises:
            TransferError: Another file has its name, or the acquisition has ended.
            OSError: The lake cannot take it.
        """
        async with self._turn(lease, announced.filename):
            state, file = await self._find_entered(lease, announced)
            if file is not None:
                _take_over(lease, state, file, await written())
                await self._note_again(note)
                return
            if not takes_files(lease):
                raise TransferError(f"the acquisition has ended ({lease.state})")
            lake, folder = self._room.lake, _folder(lease, announced)
            async with self._putting_parameter(lease, announced) as parameter:
                sha256 = await written()
            try:
                # Both are synced at the same time: a disk waits as long for two as for one.
                await _all(parameter, commit(_key(lease, announced)))
                await self._record(lease, announced, sha256, note)
            except (TransferError, OSError):
                await lake.delete_tree(folder)
                raise

    @asynccontextmanager
    async def _putting_parameter(
        self, lease: Lease, announced: Announced
    ) -> AsyncIterator["asyncio.Task[str]"]:
        """Write beside a file what the device was set to; it is gone if the file does not come."""
        lake, key = self._room.lake, f"{_folder(lease, announced)}/{PARAMETER_FILE}"
        document = {
            "device_id": str(lease.device_id),
            "parameter_version": lease.parameter_version,
            "parameter": announced.device_parameter,
        }
        text = json.dumps(document, indent=2).encode()
        putting = asyncio.create_task(lake.put(key, text), name=f"parameter of {lease.id}")
        try:
            yield putting
        except BaseException:
            await asyncio.gather(putting, return_exceptions=True)
            await lake.delete(key)
            await lake.delete_empty(_folder(lease, announced))
            raise

    @asynccontextmanager
    async def _turn(self, lease: Lease, filename: str) -> Any:
        """One at a time enters a file of this name: it may come both ways at once."""
        lock = self._turns.setdefault((lease.id, filename), asyncio.Lock())
        async with lock:
            yield

    async def _find_entered(
        self, lease: Lease, announced: Announced
    ) -> tuple[AcquisitionState, dict[str, Any] | None]:
        """Ask the record: the same file may have come the other way, or to another process."""
        found = await repository.files_of(self._room.sessions, lease.id)
        if found is None:
            raise TransferError("the acquisition is not known any more")
        state, files = found
        same = (file for file in files if file["filename"] == announced.filename)
        return state, next(same, None)

    async def _note_again(self, note: Note | None) -> None:
        if note is not None:
            async with transaction(self._room.sessions) as session:
                await note(session)

    async def _record(
        self, lease: Lease, announced: Announced, sha256: str, note: Note | None
    ) -> None:
        """From here on the acquisition has finished, and exam-manager is owed its result."""
        file: dict[str, Any] = {
            "filename": announced.filename,
            "sha256": sha256,
            "size_bytes": announced.size_bytes,
            "result_id": str(announced.result_id),
        }
        async with self._telling(lease, announced.result_id, file), lease.lock:
            async with transaction(self._room.sessions) as session:
                state = await service.add_file(
                    session, lease.id, file, actor=device_actor(lease.device_id)
                )
                if note is not None and state is AcquisitionState.FINISHED:
                    await note(session)
            if state is not AcquisitionState.FINISHED:
                raise TransferError(f"the acquisition has ended ({state})")
            lease.state = state
            lease.files.append(file)
        self._room.ended(lease, announced.result_id)

    def _telling(
        self, lease: Lease, result_id: UUID, file: dict[str, Any]
    ) -> AbstractAsyncContextManager[None]:
        """Tell exam-manager meanwhile, if it can only be a further file."""
        if lease.state is not AcquisitionState.FINISHED:
            return nullcontext()
        result = result_of(lease.workflow_id, lease.task_id, lease.id, lease.device_id, file)
        return self._room.settlement.telling(lease.task_id, result_id, result)

    async def verdict(self, lease: Lease, announced: Announced) -> Feedback:
        """Return the verdict on a file that is safe in the lake."""
        message = f"File {announced.filename} saved"
        await self._room.free_device(lease)
        try:
            refused = await self._room.settlement.wait(
                lease.id, self._room.settings.record_wait_seconds, announced.result_id
            )
        except TimeoutError:
            message += "; exam-manager is away, the result is entered when it is back"
        else:
            if refused is not None:
                for file in lease.files:
                    if file["filename"] == announced.filename:
                        file[service.PROBLEM] = refused
                message = (
                    f"File {announced.filename} is safe in the lake, but is not entered as a "
                    f"result: {refused} Do not send it again; tell the technician."
                )
                return not_stored(message, lease, announced.filename)
        return stored(message, lease, announced.filename, announced.result_id)


def _take_over(lease: Lease, state: AcquisitionState, file: dict[str, Any], sha256: str) -> None:
    """Know of a file what the record does, if it is the one that has come."""
    if file["sha256"] != sha256:
        raise TransferError("another file of this name has been stored for this scan")
    if all(known["filename"] != file["filename"] for known in lease.files):
        lease.files.append(file)
    lease.state = state


async def _all(*steps: Awaitable[object]) -> None:
    """Take steps at the same time, and wait for all of them also if one fails."""
    outcomes = await asyncio.gather(*steps, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome


def _folder(lease: Lease, announced: Announced) -> str:
    return result_directory(lease.workflow_id, lease.task_id, announced.result_id)


def _key(lease: Lease, announced: Announced) -> str:
    return result_key(lease.workflow_id, lease.task_id, announced.result_id, announced.filename)


def stored_before(lease: Lease, filename: str, sha256: str | None) -> Feedback | None:
    """Return the verdict on a file that has been stored before, None on a new one.

    Raises:
        UnprocessableError: Its name is that of another file.
    """
    for file in lease.files:
        if file["filename"] != filename:
            continue
        if sha256 is None or sha256.lower() != file["sha256"]:
            raise UnprocessableError(
                "another file of this name has been stored for this scan; give it another name "
                "(or send its sha256, if it is the same)."
            )
        if service.PROBLEM in file:
            message = f"File {filename} is safe, but not a result: {file[service.PROBLEM]}"
            return not_stored(message, lease, filename)
        return stored(f"File {filename} saved before", lease, filename, file["result_id"])
    return None


def stored(message: str, lease: Lease, filename: str, result_id: UUID) -> Feedback:
    """Return the verdict on a file that is a result now."""
    return Feedback(
        message=message, ok=True, task_id=lease.task_id, filename=filename, result_id=result_id
    )


def not_stored(message: str, lease: Lease, filename: str) -> Feedback:
    """Return the verdict on a file that is no result."""
    return Feedback(message=message, ok=False, task_id=lease.task_id, filename=filename)
