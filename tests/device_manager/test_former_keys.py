"""A device that comes back after the keys were rotated."""

import pytest

from device_manager.devices import service
from device_manager.devices.models import Device
from device_manager.devices.tokens import DeviceTokens
from scanhub_libraries.database import (
    create_engine,
    create_sessions,
    reading,
    sqlite_url,
    transaction,
)

OLD, NEW = "o" * 64, "n" * 64


@pytest.fixture
def url(tmp_path, empty_file):
    path = tmp_path / "devices.sqlite"
    path.write_bytes(empty_file("device_manager").read_bytes())
    return sqlite_url(path)


async def test_it_is_let_in_by_the_former_key_and_stored_with_the_newest(url):
    engine = create_engine(url)
    try:
        sessions = create_sessions(engine)
        token, stored = DeviceTokens(OLD).make()
        async with transaction(sessions) as session:
            session.add(Device(name="scanner", description="", token_hash=stored))
        both = DeviceTokens(f"{NEW}\n{OLD}\n")
        async with reading(sessions) as session:
            (device,) = await service.repository.list_devices(session)
            assert await service.find_admitted(session, device.id, token, both)
        await service.store_anew(sessions, device, token, both)
        async with reading(sessions) as session:
            assert await service.find_admitted(session, device.id, token, DeviceTokens(NEW))
            assert not await service.find_admitted(session, device.id, "x", both)
    finally:
        await engine.dispose()


def test_a_key_may_have_spaces_in_it():
    sentence = "a key of some length, with spaces, that somebody wrote by hand"
    token, stored = DeviceTokens(f"{sentence}\n").make()
    assert DeviceTokens(sentence).stored(token) == stored
    assert DeviceTokens(sentence.split(maxsplit=1)[0]).stored(token) != stored
