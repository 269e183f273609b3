"""What this process holds of the devices that are at home at it: taken up, kept true, let go."""

import time
from datetime import timedelta
from uuid import UUID

from sqlmodel import col

from device_manager.acquisitions import repository
from device_manager.acquisitions.control_room import ControlRoom
from device_manager.acquisitions.lease import Lease, lease_of
from device_manager.acquisitions.models import Acquisition
from device_manager.acquisitions.rules import AcquisitionState
from device_manager.certificates.rules import OTHER_CERTIFICATE
from device_manager.devices.models import Device
from device_manager.links.protocol import CloseCode
from device_manager.nodes.notes import Kind, Note
from device_manager.nodes.repository import Home
from device_manager.nodes.shared import SharedHomes
from device_manager.parameters import desk as parameters
from device_manager.parameters.repository import in_force
from device_manager.uploads.reception import Reception
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import reading
from scanhub_libraries.logging import get_logger

logger = get_logger(__name__)
_AGAIN = "the device has connected again"
_MOVED = "the device has connected to another process: go on there"
_SETTLING = timedelta(seconds=30)
_NOT_INTRODUCED = "the device connected and did not introduce itself"


class Custody:
    """Leases, deadlines and uploads of the devices of this process."""

    def __init__(self, room: ControlRoom, reception: Reception) -> None:
        self._room = room
        self._reception = reception
        self._came: list[tuple[float, UUID, Lease]] = []
        """Leases that came from other processes: when, and from which."""

    # --- taken up ---------------------------------------------------------------------------------

    async def restore(self, what: str) -> None:
        """Take up what runs on the devices that are at home here and not connected."""
        room = self._room
        async with reading(room.sessions) as session:
            own = room.homes.own(col(Acquisition.device_id))
            rows = await repository.list_open(session, own)
            leases = [
                lease_of(row, await in_force(session, row.device_id, row.parameter_version))
                for row in rows
                if not self._knows(row)
            ]
        for lease in leases:
            if room.links.find(lease.device_id) is not None:
                continue  # it has connected meanwhile, and its lease came with it
            room.leases.add(lease)
            await self._sweep(lease, time.time())
            room.expect_reconnect(lease, f"{what} and the device did not return")
        await room.settlement.resume(room.homes.own(col(Acquisition.device_id)))
        await self._reception.resume()

    def _knows(self, row: Acquisition) -> bool:
        latest = self._room.leases.latest(row.device_id)
        return latest is not None and latest.id == row.id

    async def _sweep(self, lease: Lease, before: float) -> None:
        """Remove the halves of files that another process was writing when it ended."""
        folder = f"lake/{lease.workflow_id}/{lease.task_id}"
        await self._room.lake.delete_parts(folder, before)

    async def _sweep_after_the_dead(self, homes: SharedHomes) -> None:
        """A process that lives removes its halves itself; one that was killed seemed to live."""
        came, self._came = self._came, []
        for at, former, lease in came:
            if not homes.lives(former):
                await self._sweep(lease, at)
            elif time.time() - at < 2 * self._room.settings.node_dead_after_seconds:
                self._came.append((at, former, lease))

    async def came_home(self, device_id: UUID, former: UUID | None) -> None:
        """A device has connected here that was at home elsewhere: take up what runs on it."""
        room = self._room
        async with reading(room.sessions) as session:
            row = await repository.find_open(session, device_id)
            lease = None
            if row is not None:
                parameter = await in_force(session, device_id, row.parameter_version)
                lease = lease_of(row, parameter)
        if lease is None:
            room.leases.forget(device_id)
            return
        room.leases.add(lease)
        if former is not None:
            self._came.append((time.time(), former, lease))
        room.expect_reconnect(lease, _NOT_INTRODUCED)

    # --- kept true --------------------------------------------------------------------------------

    def heard(self, note: Note) -> None:
        """Another process has changed something."""
        device_id = note.device_id
        if device_id is None:
            return
        room = self._room
        match note.kind:
            case Kind.HOME if isinstance(room.homes, SharedHomes):
                room.homes.learn(device_id, note.node_id, note.version)
                self.look_after(device_id)
            case Kind.LEASE:
                if note.state == AcquisitionState.STOPPED:
                    room.heard_stopped(device_id, note.task_id)
                lease = room.leases.latest(device_id)
                if lease is not None and lease.id == note.acquisition_id:
                    room.run(self._refresh(lease), name=f"refresh {lease.id}")
            case Kind.PARAMETER if room.links.find_ready(device_id) is not None:
                room.run(self._tell_parameter(device_id), name=f"parameter {device_id}")
            case Kind.TOKEN | Kind.CERTIFICATE:
                self._revoke(device_id, certificate=note.kind is Kind.CERTIFICATE)
            case _:
                pass

    async def reconcile(self) -> None:
        """Bring memory to what the database says: notes may have been missed."""
        room = self._room
        if not isinstance(room.homes, SharedHomes):
            return
        held = {link.device_id for link in room.links} | set(room.leases.devices())
        homes = {home.device_id: home for home in await room.homes.reread()}
        await self._sweep_after_the_dead(room.homes)
        for device_id in held:
            self.look_after(device_id)
            self._look_at_token(device_id, homes.get(device_id))
            await self._look_at_parameter(device_id, homes.get(device_id))
        await self._reconcile_leases()

    async def _reconcile_leases(self) -> None:
        room = self._room
        async with reading(room.sessions) as session:
            rows = await repository.list_open(session, room.homes.own(col(Acquisition.device_id)))
        as_stored = {row.id: row for row in rows}
        for lease in room.leases.all_open():
            row = as_stored.get(lease.id)
            if row is None or (row.state, row.stop_reason) != (lease.state, lease.stop_reason):
                await self._refresh(lease)
        if any(not self._knows(row) for row in rows):
            await self.restore("another process has ended")
        # Whose process died after its device had moved here: nobody else would settle it.
        before = utc_now() - _SETTLING
        await room.settlement.resume(room.homes.own(col(Acquisition.device_id)), before=before)

    async def _refresh(self, lease: Lease) -> None:
        """Read a lease anew that another process has changed, and do what follows from it."""
        room = self._room
        async with lease.lock:
            async with reading(room.sessions) as session:
                row = await session.get(Acquisition, lease.id)
            was_open, asked = lease.is_open, lease.stop_reason is not None
            if row is None:  # withdrawn
                lease.state = AcquisitionState.FAILED
            else:
                lease.state = row.state
                lease.stop_reason = row.stop_reason or lease.stop_reason
                known = {file["filename"] for file in lease.files}
                lease.files += [file for file in row.files if file["filename"] not in known]
        if was_open and not lease.is_open:
            room.deadlines.over(lease.id)
            await room.free_device(lease)
        elif lease.is_open and lease.stop_reason is not None and not asked:
            await room.send_stop(lease.device_id, lease.task_id, lease.id)

    async def _tell_parameter(self, device_id: UUID) -> None:
        async with reading(self._room.sessions) as session:
            device = await session.get(Device, device_id)
        if device is not None:
            parameters.tell(self._room, device)

    async def _look_at_parameter(self, device_id: UUID, home: Home | None) -> None:
        link = self._room.links.find_ready(device_id)
        if home is None or link is None or parameters.PARAMETER_UPDATE not in link.capabilities:
            return
        if link.parameter_version < home.parameter_version:
            await self._tell_parameter(device_id)

    def _revoke(self, device_id: UUID, *, certificate: bool = False) -> None:
        room = self._room
        room.links.revoked()
        link = room.links.find(device_id)
        if link is not None and certificate:
            link.close(OTHER_CERTIFICATE, CloseCode.SERVICE_RESTART)
        elif link is not None:
            link.close("the token of this device is not valid any more")

    def _look_at_token(self, device_id: UUID, home: Home | None) -> None:
        """Close a link whose token has become void without a word of it."""
        link = self._room.links.find(device_id)
        if link is not None and (home is None or home.token_rotated_at != link.token_rotated_at):
            self._revoke(device_id)

    # --- let go -----------------------------------------------------------------------------------

    def look_after(self, device_id: UUID) -> None:
        """Let go of a device that is at home elsewhere by now."""
        room, homes = self._room, self._room.homes
        if not isinstance(homes, SharedHomes) or not homes.is_elsewhere(device_id):
            return
        link = room.links.find(device_id)
        if link is not None and not homes.is_newest(device_id, link.home_version):
            room.links.remove(link)
            link.close(_AGAIN, CloseCode.CONNECTED_AGAIN)
        self._let_go(device_id)
        self._reception.interrupt(device_id, _MOVED)

    def let_all_go(self) -> None:
        """Close all links and forget what was held: others are home to the devices now."""
        room = self._room
        for link in room.links:
            room.links.remove(link)
            link.close("this process was taken for dead", CloseCode.SERVICE_RESTART)
            self._reception.interrupt(link.device_id, _MOVED)
        for device_id in room.leases.devices():
            self._let_go(device_id)

    def _let_go(self, device_id: UUID) -> None:
        """Forget a device, and change nothing: its new home decides what becomes of it."""
        room = self._room
        lease = room.leases.find_open(device_id)
        if lease is not None:
            lease.here = False
            room.deadlines.over(lease.id)
            room.progress.drop(lease.id)
        room.leases.forget(device_id)
        room.presence.forget(device_id)
