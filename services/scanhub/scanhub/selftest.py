"""A self-test of a server that runs, told step by step."""

import asyncio
from typing import Any

import httpx
from rich.console import Console

from scanhub.remote import Server

_SECONDS = 30.0
_LOOK_S = 0.2
_PATH = "/api/v1/workflowmanager/selftests"


async def selftest(
    kind: str, mode: str, url: str, login: tuple[str, str], console: Console
) -> bool:
    """Run a self-test, and tell each step as it ends.

    Args:
        kind: series or study.
        mode: route or process.
        url: Where the server is.
        login: Name and password of an engineer or administrator.
        console: Where to tell.

    Returns:
        Whether it passed.

    Raises:
        ScanHubError: The login or the test was refused, or nobody answers.
    """
    async with httpx.AsyncClient(base_url=url, timeout=_SECONDS) as http:
        server, told = Server(http), 0
        await server.log_in(*login)
        test = await server.ask("POST", _PATH, json={"kind": kind, "mode": mode})
        while True:
            test = await server.ask("GET", f"{_PATH}/{test['id']}")
            for step in test["steps"][told:]:
                _tell(console, step)
            told = len(test["steps"])
            if test["state"] != "running":
                break
            await asyncio.sleep(_LOOK_S)
    console.print(f"The self-test has {test['state']}.")
    return bool(test["state"] == "passed")


def _tell(console: Console, step: dict[str, Any]) -> None:
    color, word = ("green", "ok    ") if step["ok"] else ("red", "FAILED")
    console.print(f"[{color}]{word}[/{color}] {step['name']:<9}{step['seconds']:7.2f} s  ", end="")
    console.print(step["detail"], markup=False, highlight=False, soft_wrap=True)
