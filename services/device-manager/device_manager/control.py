"""How routes get at the control room."""

from typing import Annotated

from fastapi import Depends, Request

from device_manager.acquisitions.control_room import ControlRoom


async def get_control_room(request: Request) -> ControlRoom:
    """Return the control room of the running service."""
    room: ControlRoom = request.app.state.room
    return room


ControlRoomDep = Annotated[ControlRoom, Depends(get_control_room)]
