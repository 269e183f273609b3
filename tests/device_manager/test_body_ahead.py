"""What is read of a body before anybody has agreed to take it."""

import asyncio

import pytest

from device_manager.uploads.ahead import Ahead

MIB = 2**20


class Body:
    """A body of `size` messages of one MiB, which come as fast as they are asked for."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.asked = 0
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def receive(self):
        await self.goes_on.wait()
        await asyncio.sleep(0)
        self.asked += 1
        body = bytes([self.asked % 251]) * MIB
        return {"type": "http.request", "body": body, "more_body": self.asked < self.size}


async def drain(ahead):
    parts, more = [], True
    while more:
        message = await ahead.receive()
        parts.append(message["body"][0])
        more = message["more_body"]
    return parts


async def turns():
    for _ in range(200):
        await asyncio.sleep(0)


@pytest.mark.parametrize("size", [1, 3, 40])
async def test_a_body_is_handed_on_in_order(size):
    body = Body(size)
    async with Ahead(body.receive) as ahead:
        await turns()
        assert await drain(ahead) == [number % 251 for number in range(1, size + 1)]


async def test_only_so_much_is_read_ahead():
    body = Body(1000)
    async with Ahead(body.receive):
        await turns()
        assert body.asked == 8
    await turns()
    assert body.asked == 8  # whoever was refused sends for nobody


async def test_nothing_is_lost_when_the_network_is_slower_than_the_decision():
    body = Body(5)
    async with Ahead(body.receive) as ahead:
        await asyncio.sleep(0)
        body.goes_on.clear()
        await turns()
        reading = asyncio.create_task(drain(ahead))
        await turns()
        body.goes_on.set()
        assert await reading == [1, 2, 3, 4, 5]


async def test_a_body_that_breaks_off_is_told_to_its_reader():
    async def receive():
        raise ConnectionError("gone")

    async with Ahead(receive) as ahead:
        await turns()
        with pytest.raises(ConnectionError, match="gone"):
            await ahead.receive()


async def test_a_refusal_is_told_though_the_connection_broke_meanwhile():
    async def receive():
        raise ConnectionResetError

    with pytest.raises(ValueError, match="refused"):
        async with Ahead(receive):
            await turns()
            raise ValueError("refused")


async def test_a_connection_that_broke_is_told_to_who_asks_for_its_bytes():
    async def receive():
        raise ConnectionResetError

    async with Ahead(receive) as ahead:
        await turns()
        with pytest.raises(ConnectionResetError):
            await ahead.receive()
