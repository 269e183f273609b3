"""Hundreds of clients that read or send slowly hold no connection to the database."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from .users.people import LOGIN

EXAM, PATIENT = "/api/v1/exam", "/api/v1/patient"
EACH = 40


class Slow:
    """A client that takes the start of an answer and no more, or sends the start of a body."""

    def __init__(self, app, method, path, headers):
        self.app, self.method, self.path, self.headers = app, method, path, headers
        self.stuck, self.goes_on, self.status = asyncio.Event(), asyncio.Event(), None

    async def run(self):
        headers = {"Host": "test", "Content-Type": "application/json", **self.headers}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": self.path,
            "raw_path": self.path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "client": ("192.0.2.1", 1),
            "server": ("test", 80),
        }
        await self.app(scope, self.receive, self.send)

    async def receive(self):
        if self.method != "GET":
            self.stuck.set()
        await self.goes_on.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        self.status = self.status or message.get("status")
        if message["type"] == "http.response.body":
            self.stuck.set()
            await self.goes_on.wait()


@asynccontextmanager
async def slow_clients(app, requests):
    """Run slow clients until the end of the context; they are stuck when it begins."""
    clients = [Slow(app, *request) for request in requests]
    tasks = [asyncio.create_task(client.run()) for client in clients]
    try:
        for client in clients:
            await client.stuck.wait()
        yield clients
    finally:
        for client in clients:
            client.goes_on.set()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.timeout(120)
async def test_clients_that_go_away_take_no_connection_with_them(either):
    pool = either.app.state.sessions.kw["bind"].pool
    for _ in range(2):
        async with slow_clients(either.app, [("GET", f"{LOGIN}/audit.csv", either.admin)] * EACH):
            pass  # gone while the next piece is read
    async with asyncio.timeout(10):
        while pool.checkedout():
            await asyncio.sleep(0.01)
    lists = (either.call("GET", f"{PATIENT}/", expect=200) for _ in range(EACH))
    async with asyncio.timeout(20):
        await asyncio.gather(*lists, either.patient())


@pytest.mark.timeout(120)
async def test_slow_clients_leave_the_connections_to_others(either):
    exam = await either.exam()
    read = (f"{LOGIN}/audit.csv", f"{PATIENT}/", f"{EXAM}/{exam['id']}", f"{LOGIN}/sessions")
    sent = (("POST", f"{PATIENT}/"), ("POST", f"{EXAM}/new"), ("PUT", f"{EXAM}/{exam['id']}"))
    requests = [("GET", path, either.admin) for path in read] + [
        (method, path, either.medical) for method, path in sent
    ]
    async with slow_clients(either.app, requests * EACH) as clients:
        reading = [client for client in clients if client.method == "GET"]
        assert {client.status for client in reading} == {200}
        pool = either.app.state.sessions.kw["bind"].pool
        async with asyncio.timeout(10):  # the background works too, now and then
            while pool.checkedout():
                await asyncio.sleep(0.01)
        await either.call("GET", f"{PATIENT}/", expect=200)
        await either.patient(last_name="Hopper")
