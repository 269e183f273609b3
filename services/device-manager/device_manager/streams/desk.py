"""Takes the streams of all devices: from the request into a file that grows, and away at the end.

Nothing depends on a stream: whatever goes wrong here, the scan goes on and its file counts. What
is known of a stream is its file and its acquisition. The home of the device takes it and removes
it; what a process has left that is no more is found by the next one to look.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from device_manager.acquisitions.control_room import ControlRoom
from device_manager.acquisitions.lease import Lease
from device_manager.acquisitions.models import Acquisition
from device_manager.acquisitions.rules import AcquisitionState
from device_manager.streams import service, spool
from device_manager.streams.rules import Pace, check_size, check_takes_stream, ended_with_scan
from device_manager.streams.spool import StreamFile
from device_manager.uploads.space import storage_error
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import reading, transaction
from scanhub_libraries.errors import (
    ConflictError,
    ForbiddenError,
    GoneError,
    InsufficientStorageError,
    NotFoundError,
    RequestTimeoutError,
    ScanHubError,
    UnavailableError,
)
from scanhub_libraries.logging import get_logger
from scanhub_libraries.repeating import SOON_S, Repeating
from scanhub_libraries.security.principal import Principal

logger = get_logger(__name__)
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_LOOK_SECONDS = 1.0
_SWEEP_SECONDS = 600.0
_LINGER_SECONDS = 10.0  # for what is on its way when the file of the scan is in already
_CHECK_BYTES = 64 * 2**20
_RESTS = frozenset({AcquisitionState.PAUSED, AcquisitionState.LOST})
_BROKE = "the connection of the stream broke"


class Incoming:
    """One stream: the body of a request, on its way into the file."""

    def __init__(self, room: ControlRoom, lease: Lease, file: StreamFile) -> None:
        self.lease = lease
        self.file = file
        self.ended = asyncio.Event()
        self._room = room
        self._checked = 0
        self._why: str | None = None
        self._scope: asyncio.Timeout | None = None

    def interrupt(self, why: str) -> None:
        """Take no more of it."""
        if self._why is None:
            self._why = why
            if self._scope is not None:
                self._scope.reschedule(asyncio.get_running_loop().time())

    async def take(self, receive: Receive) -> None:
        """Write the body to the file, as it comes.

        Raises:
            ScanHubError: It came too slowly, is too large, or the scan has ended.
            ConnectionError: The connection broke.
            OSError: The lake cannot take it.
        """
        settings, clock = self._room.settings, asyncio.get_running_loop().time
        pace = Pace(settings.stream_bytes_per_second, clock())
        more = True
        while more:
            message = await self._receive(receive)
            if message["type"] == "http.disconnect":
                raise ConnectionError(_BROKE)
            more = message.get("more_body", False)
            if body := message.get("body", b""):
                check_size(self.file.size + len(body), settings.stream_max_bytes)
                await self.file.append(body)
                await self._check_room()
                await asyncio.sleep(pace.delay(len(body), clock()))

    async def _receive(self, receive: Receive) -> MutableMapping[str, Any]:
        """Wait for the next bytes; as long as it takes while the scan rests."""
        seconds = self._room.settings.stream_idle_seconds
        while True:
            self._heed()
            try:
                async with asyncio.timeout(seconds) as self._scope:
                    return await receive()
            except TimeoutError:
                self._heed()
                if self.lease.state not in _RESTS:
                    raise RequestTimeoutError(
                        f"Nothing came on the stream for {seconds:g} s; the preview ends here."
                    ) from None
            finally:
                self._scope = None

    async def _check_room(self) -> None:
        """Look now and then whether the lake still has room for what does not matter.

        Raises:
            InsufficientStorageError: It has not.
        """
        if self.file.size - self._checked >= _CHECK_BYTES:
            self._checked = self.file.size
            await check_room(self._room)

    def _heed(self) -> None:
        if self._why is not None:
            raise GoneError(f"The stream was ended: {self._why}.")


async def check_room(room: ControlRoom) -> None:
    """Refuse a stream when the lake is nearly full: uploads need what is left.

    Raises:
        InsufficientStorageError: It is.
    """
    free, kept = await room.lake.free_bytes(), room.settings.min_free_bytes
    if free < kept:
        raise InsufficientStorageError(
            f"There is no room for a stream: {free} bytes are free, {kept} are kept for files."
        )


class StreamDesk:
    """The streams that this process takes."""

    def __init__(self, room: ControlRoom) -> None:
        self._room = room
        self._running: dict[UUID, Incoming] = {}
        self._begun: set[UUID] = set()
        self._looked_after: set[UUID] = set()
        self._sweep = Repeating(
            "look for streams that were left", self._find_left, _SWEEP_SECONDS, begin_after=SOON_S
        )
        self._closed = False

    async def open(self) -> None:
        """See to what earlier processes have left, now and then."""
        await self._find_left()
        self._sweep.start()

    async def close(self) -> None:
        """Look no more."""
        await self._sweep.stop()

    async def _find_left(self) -> None:
        long_ago = utc_now() - timedelta(seconds=6 * _LINGER_SECONDS)
        for acquisition_id in await spool.list_ids(self._room.lake):
            if acquisition_id in self._looked_after:
                continue
            async with reading(self._room.sessions) as session:
                row = await session.get(Acquisition, acquisition_id)
            if row is None or (row.ended_at is not None and row.ended_at < long_ago):
                await spool.remove(self._room.lake, acquisition_id)
            elif await self._room.homes.find(row.device_id) is None:
                self._look_after(row.device_id, acquisition_id)

    def close_streams(self) -> None:
        """End every stream now: a server that shuts down waits for open requests."""
        self._closed = True
        for incoming in list(self._running.values()):
            incoming.interrupt("the service is going down")

    async def receive(self, acquisition_id: UUID, principal: Principal, receive: Receive) -> None:
        """Take a stream to its end.

        Raises:
            ScanHubError: It is refused, or was ended before its time.
        """
        lease = await self._admit(acquisition_id, principal)
        file = await self._create(acquisition_id)
        incoming = self._running[lease.id] = Incoming(self._room, lease, file)
        self._look_after(lease.device_id, lease.id)
        problem: str | None = _BROKE
        try:
            await self._note_began(lease)
            await incoming.take(receive)
            problem = None
        except ScanHubError as error:
            problem = error.detail
            raise
        except ConnectionError as error:
            problem = str(error)
            raise GoneError(f"{problem}.") from None  # nobody hears it
        except OSError as error:
            problem = storage_error(error).detail
            raise InsufficientStorageError(f"The stream cannot be kept: {problem}") from error
        finally:
            del self._running[lease.id]
            incoming.ended.set()
            self._room.run(self._note_ended(incoming, problem), name=f"stream ended {lease.id}")

    async def _admit(self, acquisition_id: UUID, principal: Principal) -> Lease:
        room = self._room
        lease = None
        if principal.device_id is not None and principal.claim_id == acquisition_id:
            await room.require_home(principal.device_id, seconds=room.settings.stream_idle_seconds)
            lease = await room.find_lease(principal.device_id, acquisition_id)
        if lease is None:
            raise ForbiddenError("This is not the token that came with `start` of this scan.")
        if not room.settings.streaming:
            raise NotFoundError("This installation takes no streams.")
        check_takes_stream(lease.state)
        if self._closed:
            raise UnavailableError("The service is going down.")
        await check_room(room)
        return lease

    async def _create(self, acquisition_id: UUID) -> StreamFile:
        """Make the file of a stream, once."""
        if acquisition_id in self._begun:  # two at the same moment
            raise ConflictError(spool.BEGUN)
        self._begun.add(acquisition_id)
        try:
            return await spool.create(self._room.lake, acquisition_id)
        finally:
            self._begun.discard(acquisition_id)

    async def _note_began(self, lease: Lease) -> None:
        async with transaction(self._room.sessions) as session:
            service.note_began(session, lease)

    async def _note_ended(self, incoming: Incoming, problem: str | None) -> None:
        lease, size = incoming.lease, incoming.file.size
        now = await self._room.find_lease(lease.device_id, lease.id)
        with_scan = ended_with_scan(now.state, stopped=now.stop_reason is not None) if now else None
        if problem == _BROKE and with_scan is not None:
            problem = with_scan
        elif problem is not None:
            logger.warning(
                "a stream ended before its scan; the scan goes on",
                task_id=str(lease.task_id),
                device_id=str(lease.device_id),
                why=problem,
            )
        async with transaction(self._room.sessions) as session:
            service.note_ended(session, lease, size_bytes=size, problem=problem)

    # --- the end ----------------------------------------------------------------------------------

    def _look_after(self, device_id: UUID, acquisition_id: UUID) -> None:
        self._looked_after.add(acquisition_id)
        keeping = self._remove_at_the_end(device_id, acquisition_id)
        task = self._room.run(keeping, name=f"stream {acquisition_id}")
        task.add_done_callback(lambda _: self._looked_after.discard(acquisition_id))

    async def _remove_at_the_end(self, device_id: UUID, acquisition_id: UUID) -> None:
        """Remove the file when the scan has ended; end what still comes then.

        It is looked at again and again: another process may be the one that learns of the end.
        """
        while await self._goes_on(device_id, acquisition_id):  # noqa: ASYNC110 - see the docstring
            await asyncio.sleep(_LOOK_SECONDS)
        incoming = self._running.get(acquisition_id)
        if incoming is not None:
            await self._let_end(incoming)
        await spool.remove(self._room.lake, acquisition_id)

    async def _goes_on(self, device_id: UUID, acquisition_id: UUID) -> bool:
        try:
            lease = await self._room.find_lease(device_id, acquisition_id)
        except Exception as error:  # noqa: BLE001 - the database may be away for a moment
            logger.info("a stream is looked after later", why=repr(error))
            return True
        incoming = self._running.get(acquisition_id)
        if incoming is not None and lease is not None:
            incoming.lease = lease
        return lease is not None and lease.is_open

    async def _let_end(self, incoming: Incoming) -> None:
        if incoming.lease.state is AcquisitionState.FINISHED:
            waiting = asyncio.ensure_future(incoming.ended.wait())
            await asyncio.wait({waiting}, timeout=_LINGER_SECONDS)
            waiting.cancel()
        incoming.interrupt("the scan has ended")
        await incoming.ended.wait()
