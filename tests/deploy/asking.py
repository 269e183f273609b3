"""Asking an installation until it is as it should be: after an accident it is not at once."""

import asyncio
import time
from contextlib import asynccontextmanager

import httpx

from scanhub.demo.data import DemoApi
from scanhub.demo.errors import DemoError

SETTLED_S = 180.0


@asynccontextmanager
async def opened(deployment):
    async with httpx.AsyncClient(
        base_url=deployment.url, verify=deployment.trust, timeout=30
    ) as http:
        api = DemoApi(http)
        await eventually("a login", api.log_in)
        yield api


async def eventually(what, ask, seconds=SETTLED_S):
    """Ask until the answer is what is wanted: truth, or no error where there is none to return."""
    deadline, trouble = time.monotonic() + seconds, None
    while time.monotonic() < deadline:
        try:
            found = await ask()
            if found or found is None:
                return found
        except (httpx.TransportError, DemoError) as error:
            trouble = error
        await asyncio.sleep(0.5)
    raise AssertionError(f"{what}: not so after {seconds:.0f} s. {trouble!r}")
