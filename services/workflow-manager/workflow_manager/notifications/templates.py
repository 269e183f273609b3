"""Asks a process for the texts of a message, and waits no longer than it may take."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from typing import Any

from scanhub_libraries.errors import UnprocessableError

_MODULE = "workflow_manager.notifications.template_process"
_SECONDS = 10.0
_AT_ONCE = asyncio.Semaphore(2)


@dataclass(frozen=True, slots=True)
class Texts:
    """What a message says."""

    body: str
    payload: str


async def render(
    body: str, payload: str, variables: dict[str, Any], *, body_kind: str = "plain"
) -> Texts:
    """Render the templates of a message.

    Args:
        body: The template of the body.
        payload: The template of the payload, which may hold `{{ body }}`.
        variables: What both may know.
        body_kind: `plain` or `html`.

    Raises:
        UnprocessableError: A template cannot be rendered; which, and why.
    """
    asked = {"body": body, "payload": payload, "variables": variables, "body_kind": body_kind}
    async with _AT_ONCE:
        written = await _ask(json.dumps(asked).encode())
    if "error" in written:
        raise UnprocessableError(written["error"], field="template")
    return Texts(body=written["body"], payload=written["payload"])


async def _ask(asked: bytes) -> dict[str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        _MODULE,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,  # a traceback would show what it was given
        env={"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUTF8": "1"},
    )
    try:
        async with asyncio.timeout(_SECONDS):
            written, _ = await process.communicate(asked)
    except TimeoutError:
        written = b""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if not written:
        return {"error": "The template takes too long: it was ended."}
    answer: dict[str, str] = json.loads(written)
    return answer
