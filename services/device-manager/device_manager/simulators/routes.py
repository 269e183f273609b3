"""HTTP routes of simulated scanners."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, status

from device_manager.control import ControlRoomDep
from device_manager.devices import service as devices
from device_manager.devices.routes import close_link
from device_manager.simulators.park import Park
from device_manager.simulators.rules import check_stands_in
from scanhub_libraries.database import transaction
from scanhub_libraries.errors import ForbiddenError
from scanhub_libraries.models import DeviceCredentials
from scanhub_libraries.models.simulator import SimulatorsOut, StartSimulator

router = APIRouter(prefix="/api/v1/device/simulators", tags=["devices"])
_DESCRIPTION = "Plays Pulseq files on a phantom, beside this server"


async def _park(request: Request) -> Park:
    park: Park = request.app.state.simulators
    return park


ParkDep = Annotated[Park, Depends(_park)]


@router.get("", summary="Simulated scanners of this server")
async def get_simulators(park: ParkDep) -> SimulatorsOut:
    """Return whether this server starts simulated scanners, and which run."""
    return _out(park)


@router.post("", status_code=status.HTTP_201_CREATED, summary="Start a simulated scanner")
async def start_simulator(
    body: StartSimulator, room: ControlRoomDep, park: ParkDep
) -> SimulatorsOut:
    """Start a simulated scanner beside the server; it comes back when the server does.

    Without `device_id` a device is made for it. With one, that device gets a new token: its old
    one is void at once.
    """
    if refusal := park.refusal():
        raise ForbiddenError(refusal)
    async with transaction(room.sessions) as session:
        if body.device_id is None:
            made = await devices.create_device(session, body.name, _DESCRIPTION, room.tokens)
        else:
            device = await devices.get_device(session, body.device_id)
            check_stands_in(device.device_type, park.device_type)
            made = await devices.rotate_token(session, body.device_id, room.tokens)
    if body.device_id is not None:
        close_link(room, body.device_id, "a simulated scanner starts in its place")
    await park.start(DeviceCredentials.model_validate(made), body.name)
    return _out(park, made.device_id)


@router.delete(
    "/{device_id}", status_code=status.HTTP_204_NO_CONTENT, summary="End a simulated scanner"
)
async def stop_simulator(device_id: UUID, park: ParkDep) -> None:
    """End it for good; its device stays, offline. Harmless when none runs."""
    await park.stop(device_id)


def _out(park: Park, started: UUID | None = None) -> SimulatorsOut:
    refusal = park.refusal()
    return SimulatorsOut(
        allowed=refusal is None, reason=refusal, running=park.running(), started=started
    )
