"""How long an event takes to reach many people who are logged in."""

import asyncio
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx

from bench.house import API, House
from bench.measure import Row, quantile, spread_ms

_STREAMS, _EVENTS = 200, 20
_LATEST_MS: Final = 1000.0
_PATIENCE_S = 60.0


@dataclass
class _Told:
    """What happened: its name, and who heard of it."""

    names: list[str]
    heard: "list[_Heard]"

    def note(self, number: int, line: str) -> None:
        """Somebody read a line now."""
        for index in range(len(self.names) - 1, -1, -1):
            if self.names[index] in line:
                self.heard[index].note(number)
                break


class _Heard:
    """Who heard of an event, and when."""

    def __init__(self) -> None:
        self.at: dict[int, float] = {}
        self.by_all = asyncio.Event()

    def note(self, number: int) -> None:
        """Somebody heard of it now."""
        self.at.setdefault(number, time.perf_counter())
        if len(self.at) == _STREAMS:
            self.by_all.set()


async def watched_row(
    house: House, database: str, *servers: str, verify: ssl.SSLContext | bool = True
) -> Row:
    """Let many follow the events; return how long one takes to reach them all.

    Args:
        house: Where something happens.
        database: Of which kind, for the table.
        servers: Addresses of other servers of its database: people are spread over all.
        verify: Who is believed, where the servers have certificates.
    """
    delays = await _delays(house, [str(house.http.base_url).rstrip("/"), *servers], verify)
    figures = spread_ms(delays)
    over = f" over {1 + len(servers)} servers" if servers else ""
    return Row(
        f"an event at {_STREAMS} people who are logged in{over}, {house.images:,} images, "
        f"{database}",
        f"median {figures['median_ms']:.0f} ms, p99 {1000 * quantile(delays, 0.99):.0f} ms",
        f"p99 < {_LATEST_MS:g} ms",
        figures["p99_ms"] < _LATEST_MS,
        detail=figures,
    )


async def _delays(
    house: House, servers: Sequence[str], verify: ssl.SSLContext | bool
) -> list[float]:
    told = _Told([], [_Heard() for _ in range(_EVENTS)])
    limits = httpx.Limits(max_connections=None)
    headers = house.http.headers
    async with (
        httpx.AsyncClient(headers=headers, limits=limits, timeout=60, verify=verify) as http,
        asyncio.TaskGroup() as group,
    ):
        opened = [asyncio.Event() for _ in range(_STREAMS)]
        watchers = [
            group.create_task(
                _watch(http, servers[number % len(servers)], number, opened[number], told)
            )
            for number in range(_STREAMS)
        ]
        for event in opened:
            await event.wait()
        delays = []
        for number in range(_EVENTS):
            told.names.append(f"stream-{number}-{time.time_ns()}")
            began = time.perf_counter()
            target: dict[str, Any] = {"name": told.names[-1], "target_type": "dummy"}
            answer = await house.http.post(f"{API}/targets", json=target)
            answer.raise_for_status()
            async with asyncio.timeout(_PATIENCE_S):
                await told.heard[number].by_all.wait()
            delays += [at - began for at in told.heard[number].at.values()]
        for watcher in watchers:
            watcher.cancel()
    return delays


async def _watch(
    http: httpx.AsyncClient, server: str, number: int, opened: asyncio.Event, told: _Told
) -> None:
    async with http.stream("GET", f"{server}{API}/events") as stream:
        stream.raise_for_status()
        async for line in stream.aiter_lines():
            opened.set()  # it has said hello: what is written from now on comes
            told.note(number, line)
