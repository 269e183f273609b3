"""The control room: what runs on which scanner, and everything that is needed to steer it."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

from device_manager.acquisitions import service
from device_manager.acquisitions.confirmations import Confirmations, Word
from device_manager.acquisitions.deadlines import Deadline, Deadlines
from device_manager.acquisitions.lease import Lease, LeaseBook, lease_of
from device_manager.acquisitions.models import Acquisition
from device_manager.acquisitions.progress import ProgressReporter
from device_manager.acquisitions.rules import AcquisitionState
from device_manager.acquisitions.sequences import SequenceShelf
from device_manager.acquisitions.settlement import Settlement
from device_manager.devices import service as devices
from device_manager.devices.presence import Presence
from device_manager.devices.tokens import DeviceTokens
from device_manager.links.commands import Feedback
from device_manager.links.link import LinkClosedError
from device_manager.links.protocol import SAYS_WHEN_FREE, CloseCode
from device_manager.links.registry import LinkRegistry
from device_manager.nodes.homes import FORWARD_SECONDS, ElsewhereError, Homes, Otherwise
from device_manager.parameters.repository import in_force
from device_manager.settings import DeviceManagerSettings
from device_manager.uploads import repository as uploads
from scanhub_libraries.clients import ExamManagerClient, TokenSource
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import Sessions, reading, transaction
from scanhub_libraries.lake import Lake
from scanhub_libraries.logging import get_logger
from scanhub_libraries.security.tokens import TokenVerifier

logger = get_logger(__name__)
SERVICE_ACTOR = "service:device-manager"


class ControlRoom:
    """Holds the leases, and moves them on: first in the database, then here."""

    def __init__(
        self,
        settings: DeviceManagerSettings,
        *,
        sessions: Sessions,
        lake: Lake,
        exam_manager: ExamManagerClient,
        service_token: TokenSource,
        verifier: TokenVerifier,
        homes: Homes,
    ) -> None:
        self.settings = settings
        self.homes = homes
        self.sessions = sessions
        self.lake = lake
        self.exam_manager = exam_manager
        self.verifier = verifier
        self.tokens = DeviceTokens(settings.token_key.get_secret_value())
        self.links = LinkRegistry()
        self.presence = Presence(sessions, self.links, homes)
        self.leases = LeaseBook()
        self.sequences = SequenceShelf()
        self.deadlines = Deadlines()
        self.progress = ProgressReporter(exam_manager, self.claim_lost, homes.make_sure)
        self.settlement = Settlement(sessions, exam_manager, service_token, self.progress)
        self.confirmations = Confirmations()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        """Begin; what earlier processes left is taken up by whoever joins the others."""
        async with transaction(self.sessions) as session:
            if keyed := await devices.key_tokens(session, self.tokens):
                logger.info("device tokens are stored with a key from now on", devices=keyed)
        self.progress.start()

    async def close(self) -> None:
        """Close the links; what runs on the scanners goes on there."""
        for link in self.links:
            link.close("the service is going down", CloseCode.SERVICE_RESTART)
        await self.deadlines.close()
        await self.progress.stop()
        await self.settlement.stop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def run(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run something in the background for as long as the service lives."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # --- homes ------------------------------------------------------------------------------------

    async def require_home(
        self,
        device_id: UUID,
        *,
        seconds: float = FORWARD_SECONDS,
        otherwise: Otherwise | None = None,
    ) -> None:
        """Refuse to do what only the home of a device can do; a link that is here is enough.

        Args:
            device_id: The device.
            seconds: Time that the home has for it [s].
            otherwise: What is done if the home does not answer.

        Raises:
            ElsewhereError: It is at home at another process: the request is passed on.
        """
        await self.homes.make_sure()
        if self.links.find(device_id) is not None:
            return
        peer = await self.homes.find(device_id)
        if peer is not None:
            raise ElsewhereError(peer, seconds=seconds, otherwise=otherwise)

    # --- leases -----------------------------------------------------------------------------------

    async def find_lease(self, device_id: UUID, acquisition_id: UUID) -> Lease | None:
        """Return an acquisition of a device, also one that has ended."""
        latest = self.leases.latest(device_id)
        if latest is not None and latest.id == acquisition_id:
            return latest
        async with reading(self.sessions) as session:
            row = await session.get(Acquisition, acquisition_id)
            if row is None or row.device_id != device_id:
                return None
            return lease_of(row, await in_force(session, device_id, row.parameter_version))

    async def move(
        self,
        lease: Lease,
        to: AcquisitionState,
        reason: str | None = None,
        *,
        actor: str = SERVICE_ACTOR,
        settled: bool = False,
        error_code: str | None = None,
        anywhere: bool = False,
    ) -> bool:
        """Move an acquisition on; False if it may not (any more).

        Once begun it is done, also when whoever asked goes away: memory follows the database.

        Args:
            lease: Which one.
            to: Its new state.
            reason: Why, for a person to read.
            actor: Who does it.
            settled: exam-manager does not need to be told.
            error_code: The device's word for what went wrong.
            anywhere: Also if its device has come home to another process meanwhile: this one began
                it, and no other can end it.
        """
        moving = self._move(
            lease,
            to,
            reason,
            actor=actor,
            settled=settled,
            error_code=error_code,
            anywhere=anywhere,
        )
        return await asyncio.shield(self.run(moving, name=f"{to} {lease.id}"))

    async def _move(
        self,
        lease: Lease,
        to: AcquisitionState,
        reason: str | None,
        *,
        actor: str,
        settled: bool,
        error_code: str | None,
        anywhere: bool,
    ) -> bool:
        async with lease.lock:
            async with transaction(self.sessions) as session:
                if not anywhere and not await self.homes.holds(session, lease.device_id):
                    return False
                state = await service.change_state(
                    session,
                    lease.id,
                    to,
                    reason=reason,
                    actor=actor,
                    exam_id=lease.exam_id,
                    settled=settled,
                    error_code=error_code,
                    progress=lease.progress,
                    safety=lease.safety,
                )
            lease.state = state or AcquisitionState.FAILED
        if not lease.is_open:
            self.ended(lease)
            await self.free_device(lease)
        return state is to

    async def ask_stop(self, lease: Lease, detail: str, *, actor: str) -> None:
        """Remember a stop that is not confirmed: the device is told again when it comes back."""
        asking = self._ask_stop(lease, detail, actor=actor)
        await asyncio.shield(self.run(asking, name=f"stop {lease.id}"))

    async def _ask_stop(self, lease: Lease, detail: str, *, actor: str) -> None:
        reason = lease.stop_reason or f"stopped by {actor}"
        async with lease.lock:
            async with transaction(self.sessions) as session:
                state = await service.ask_stop(
                    session, lease.id, reason, f"{reason}; {detail}", actor=actor
                )
            lease.state = state or AcquisitionState.FAILED

    def note_stop(self, lease: Lease, reason: str) -> None:
        """Write down in the background that a stop was sent: this process may end meanwhile."""
        self.run(self._note_stop(lease, reason), name=f"stop asked for {lease.id}")

    async def _note_stop(self, lease: Lease, reason: str) -> None:
        async with lease.lock, transaction(self.sessions) as session:
            await service.note_stop(session, lease.id, reason)

    def ended(self, lease: Lease, result_id: UUID | None = None) -> None:
        """Wait for nothing more of an acquisition, and tell exam-manager how it ended.

        Args:
            lease: The acquisition.
            result_id: Of the file that has come.
        """
        self.deadlines.over(lease.id)
        self.settlement.begin(lease.id, result_id)

    async def free_device(self, lease: Lease) -> None:
        """A device whose last word was BUSY is free once its scan has ended as it should.

        Devices of version 1 do not say so themselves. One that does may still have to do.
        """
        link = self.links.find(lease.device_id)
        if link is not None and SAYS_WHEN_FREE in link.capabilities:
            return
        if lease.state in (AcquisitionState.FINISHED, AcquisitionState.STOPPED):
            await self.presence.freed(lease.device_id)

    # --- the device ends something ----------------------------------------------------------------

    def heard_stopped(self, device_id: UUID, task_id: UUID | None) -> None:
        """The device says that a task (None: any) does not run there."""
        self.confirmations.heard(device_id, task_id, Word.STOPPED)

    async def send_stop(self, device_id: UUID, task_id: UUID | None, lease_id: UUID | None) -> bool:
        """Send a stop, if there is a link; say whether it is on its way."""
        link = self.links.find(device_id)
        if link is None:
            return False
        with suppress(LinkClosedError):
            await link.stop(task_id, lease_id)
            return True
        return False

    def tell(self, device_id: UUID, feedback: Feedback) -> None:
        """Say something to a device, over the link that it has now."""
        link = self.links.find(device_id)
        if link is not None:
            link.tell(feedback)

    async def claim_lost(self, lease: Lease, detail: str) -> None:
        """The task was taken away from the acquisition while it ran: the scan has no owner."""
        await self.send_stop(lease.device_id, lease.task_id, lease.id)
        reason = f"The task was taken back while it was scanned ({detail}); the scan was stopped."
        await self.move(lease, AcquisitionState.FAILED, reason, settled=True)

    # --- silence ----------------------------------------------------------------------------------

    def expect_reconnect(self, lease: Lease, what: str) -> None:
        """The device of a running acquisition has to come back, else it is shown as lost."""
        seconds = self.settings.lost_after_seconds

        async def missed() -> None:
            if await self._data_come(lease):
                self.expect_reconnect(lease, what)
                return
            await self.lose(lease, f"No contact with the device for {seconds:g} s: {what}.", what)

        self.deadlines.set(lease.id, Deadline.RECONNECT, seconds, missed)

    async def lose(self, lease: Lease, reason: str, what: str) -> None:
        """Nothing is heard of a device any more: show it, and wait for its return."""
        if lease.state is AcquisitionState.REQUESTED:
            # Nobody knows whether the start arrived; there is no scan to come back with.
            await self.move(lease, AcquisitionState.FAILED, reason)
            return
        await self.move(lease, AcquisitionState.LOST, reason)
        if lease.is_open:
            self._expect_return(lease, what)

    def _expect_return(self, lease: Lease, what: str) -> None:
        """A lost device may still come back with its scan, for a time."""
        seconds = self.settings.return_deadline_seconds
        if self.links.find_ready(lease.device_id) is not None:
            return  # it came back while its loss was written down

        async def missed() -> None:
            if await self._data_come(lease):
                self._expect_return(lease, what)
                return
            away = self.settings.lost_after_seconds + seconds
            reason = (
                f"No contact with the device for {away:g} s: {what}. Look at the scanner before "
                "you start again."
            )
            await self.move(lease, AcquisitionState.FAILED, reason)

        self.deadlines.set(lease.id, Deadline.RETURN, seconds, missed)

    def expect_data(self, lease: Lease, what: str) -> None:
        """The device of a running acquisition has to send its data, or say that it goes on."""
        seconds = self.settings.data_deadline_seconds

        async def missed() -> None:
            if await self._data_come(lease):
                self.expect_data(lease, what)
                return
            reason = f"{what}, and no data came within {seconds:g} s."
            await self.move(lease, AcquisitionState.FAILED, reason)

        self.deadlines.set(lease.id, Deadline.DATA, seconds, missed)

    async def _data_come(self, lease: Lease) -> bool:
        """Say whether a file of the scan is on its way, here or at another process."""
        if lease.uploading:
            return True
        since = utc_now() - timedelta(seconds=self.settings.data_deadline_seconds)
        async with reading(self.sessions) as session:
            return await uploads.was_touched(session, lease.id, since)
