"""The inputs of a run are hashed beside its job: a little at once, much by a program of its own."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scanhub_libraries.logging import get_logger
from workflow_manager.programs import child
from workflow_manager.programs.supervised import environment_of
from workflow_manager.runs import digest as program
from workflow_manager.runs.digest import digest, size_of

logger = get_logger(__name__)
_MUCH = 16 * 2**20
"""What is more than this is hashed by a program [byte]: its start takes longer than so much."""
_PATIENCE_S = 24 * 3600.0


async def digests(places: Sequence[Path]) -> list[dict[str, Any]]:
    """Return number, size and SHA-256 of files and folders, in their order.

    Raises:
        OSError: One is not there any more.
    """
    if await asyncio.to_thread(lambda: sum(map(size_of, places))) <= _MUCH:
        return await asyncio.to_thread(_all, places)
    command = [sys.executable, "-I", "-S", str(program.__file__), str(os.getpid())]
    command += map(str, places)
    code, said = await child.ask(command, environment_of({}), _PATIENCE_S)
    if code == 0:
        found: list[dict[str, Any]] = json.loads(said)
        return found
    logger.warning("inputs are hashed by the service itself", reason=said[-300:])
    return await asyncio.to_thread(_all, places)


def _all(places: Sequence[Path]) -> list[dict[str, Any]]:
    return [digest(place) for place in places]
