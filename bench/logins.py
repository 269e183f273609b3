"""Wrong logins at full rate beside a working day: what the others notice of them."""

import asyncio
import itertools
import os
import time

import httpx

from bench.measure import Row, quantile, spread_ms
from scanhub.demo.data import DemoApi, DemoData

_CLIENTS = 4
_SECONDS = 8.0
_PAUSE = 0.01
_MOST = 2.0
"""How many times as long a read may take beside wrong logins."""
Samples = dict[str, list[float]]


async def wrong_logins(api: DemoApi, data: DemoData) -> list[Row]:
    """Measure reads alone and while four clients, each at an address of its own, guess passwords.

    Each guess has a name and a network of its own (X-Forwarded-For, which the server believes of
    loopback), so that no back-off spares the hash: the worst that many machines can do.
    """
    paths = {
        "getcurrentuser": "/api/v1/userlogin/getcurrentuser",
        "task": f"/api/v1/exam/task/{data.acquisition_task_id}",
    }
    before = await _reads(api, paths)
    stop = asyncio.Event()
    guessing = [asyncio.create_task(_guess(api, client, stop)) for client in range(_CLIENTS)]
    try:
        during = await _reads(api, paths)
    finally:
        stop.set()
    refused, held_off = map(sum, zip(*await asyncio.gather(*guessing), strict=True))
    rate = refused / _SECONDS
    return [_row(name, before[name], during[name], rate, held_off / _SECONDS) for name in paths]


async def _reads(api: DemoApi, paths: dict[str, str]) -> Samples:
    """Read by turns for some seconds, with pauses as people have them."""
    headers = {"Authorization": f"Bearer {api.token}"}
    samples: Samples = {name: [] for name in paths}
    until = time.perf_counter() + _SECONDS
    while time.perf_counter() < until:
        for name, path in paths.items():
            began = time.perf_counter()
            answer = await api.http.get(path, headers=headers)
            samples[name].append(time.perf_counter() - began)
            answer.raise_for_status()
            await asyncio.sleep(_PAUSE)
    return samples


async def _guess(api: DemoApi, client: int, stop: asyncio.Event) -> tuple[int, int]:
    """Guess without a pause; return how many were checked, and how many held off."""
    counts = {401: 0, 429: 0}
    run = os.urandom(4).hex()
    async with httpx.AsyncClient(base_url=api.http.base_url, timeout=60) as http:
        for number in itertools.count():
            if stop.is_set():
                break
            form = {"username": f"nobody-{run}-{client}-{number}", "password": "wrong wrong wrong"}
            address = {"X-Forwarded-For": f"2001:db8:{client:x}:{number:x}::1"}
            answer = await http.post("/api/v1/userlogin/login", data=form, headers=address)
            counts[answer.status_code] += 1
    return counts[401], counts[429]


def _row(name: str, before: list[float], during: list[float], rate: float, held_off: float) -> Row:
    alone, beside = 1000 * quantile(before, 0.99), 1000 * quantile(during, 0.99)
    return Row(
        f"GET {name} beside wrong logins of {_CLIENTS} clients",
        f"p99 {beside:.1f} ms, {rate:.0f} wrong logins/s checked",
        f"p99 <= {_MOST:g} x alone",
        beside <= _MOST * alone,
        f"alone p99 {alone:.1f} ms",
        {
            **spread_ms(during),
            "alone_p99_ms": alone,
            "checked_per_s": rate,
            "held_off_per_s": held_off,
        },
    )
