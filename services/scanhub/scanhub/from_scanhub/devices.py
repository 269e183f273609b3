"""Devices of ScanHub: with their ids, so that plans still name them; with new tokens."""

import json
import os
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from device_manager.database import add_event
from device_manager.devices.models import Device
from device_manager.devices.rules import check_naming
from device_manager.devices.tokens import DeviceTokens
from device_manager.parameters.service import put
from scanhub.from_scanhub.source import Document
from scanhub_libraries.events import EventType
from scanhub_libraries.models import DeviceStatus

_DETAILS = ("device_name", "serial_number", "manufacturer", "modality", "site")
_LENGTH = 200


async def take_device(
    session: AsyncSession, document: Document, tokens: DeviceTokens, credentials: Path
) -> bool:
    """Write a device and the file with its new credentials; False: it is here.

    ScanHub keeps a hash of a token that only it can check, so each device needs the new file.

    Raises:
        BadRequestError: It has no name or description.
    """
    device_id = UUID(str(document.get("id")))
    if await session.get(Device, device_id) is not None:
        return False
    name, description = check_naming(
        str(document.get("name") or ""), str(document.get("description") or "")
    )
    token, stored = tokens.make()
    _write_secret(credentials / f"{device_id}.json", token, device_id)
    details: dict[str, Any] = {
        key: str(document[key])[:_LENGTH] for key in _DETAILS if document.get(key)
    }
    device = Device(
        id=device_id,
        name=name,
        description=description,
        token_hash=stored,
        status=DeviceStatus.OFFLINE,
        **details,
    )
    session.add(device)
    data = {"device_id": str(device.id), "name": name, "status": device.status, "detail": None}
    add_event(session, EventType.DEVICE_CREATED, device.id, data)
    parameter = document.get("parameter")
    if isinstance(parameter, dict) and parameter:
        put(session, device, parameter, author="ScanHub", comment="Taken over")
    return True


def _write_secret(path: Path, token: str, device_id: UUID) -> None:
    """Write what a device needs, for the eyes of this user alone."""
    document = json.dumps({"device_token": token, "device_id": str(device_id)}) + "\n"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(document)
