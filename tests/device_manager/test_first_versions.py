"""Parameters that devices had before they were kept as versions."""

import asyncio

import sqlalchemy as sa

from device_manager.devices.models import Device
from device_manager.parameters.models import DeviceParameter
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import create_engine, create_sessions, reading
from scanhub_libraries.ids import new_id
from scanhub_libraries.migrate import upgrade

KNOWN = {"larmor_frequency": 2_000_000.0}


async def test_an_upgrade_makes_them_the_first_version(database_url):
    await asyncio.to_thread(upgrade, "device_manager", database_url, "0001")
    engine = create_engine(database_url)
    told, silent = new_id(), new_id()
    table = sa.table(
        "device",
        sa.column("id", sa.Uuid()),
        *(sa.column(name) for name in ("name", "description", "token_hash", "status")),
        sa.column("parameter", sa.JSON()),
        sa.column("capabilities", sa.JSON()),
        sa.column("datetime_created", sa.DateTime(timezone=True)),
    )
    row = {
        "description": "",
        "token_hash": "",
        "status": "OFFLINE",
        "capabilities": [],
        "datetime_created": utc_now(),
    }
    try:
        async with engine.begin() as connection:
            for device_id, parameter in ((told, KNOWN), (silent, None)):
                values = {**row, "id": device_id, "name": "x", "parameter": parameter}
                await connection.execute(table.insert().values(values))
        await asyncio.to_thread(upgrade, "device_manager", database_url)
        async with reading(create_sessions(engine)) as session:
            versions = (await session.scalars(sa.select(DeviceParameter))).all()
            assert [(row.device_id, row.version, row.parameter) for row in versions] == [
                (told, 1, KNOWN)
            ]
            first, second = await session.get(Device, told), await session.get(Device, silent)
            assert (first.parameter_version, first.parameter) == (1, KNOWN)
            assert (second.parameter_version, second.parameter) == (0, None)
    finally:
        await engine.dispose()
