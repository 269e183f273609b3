"""The receiving node in a process of its own, which kills itself where it is told to.

Its listeners run this file too: they put images into the index as well, and kill both.
"""

import asyncio
import inspect
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from scanhub_libraries.database import create_engine, create_sessions, sqlite_url
from scanhub_libraries.lake import LocalLake
from scanhub_libraries.logging import configure_logging
from workflow_manager.dicom import (
    files,
    listener_process,
    listeners,
    quick_postgresql,
    receiving,
    straight,
)
from workflow_manager.dicom.entries import Origin
from workflow_manager.dicom.node import DicomNode
from workflow_manager.dicomweb import settling, storing
from workflow_manager.dicomweb.parts import PartsToDisk
from workflow_manager.settings import WorkflowManagerSettings

SPOTS: dict[str, list[tuple[Any, str]]] = {
    "before the files": [
        (receiving, "enter"),
        (receiving, "enter_usual"),
        (receiving, "enter_with_series"),
        (straight, "enter_usual"),
        (quick_postgresql.PostgresqlIndex, "enter_usual"),
    ],
    "before the rename": [(files, "link_in_place")],
    "before the event": [(receiving, "append"), (receiving, "append_in_thread")],
    "before the commit": [
        (receiving, "append"),
        (receiving, "append_in_thread"),
        (receiving, "enter_usual"),
        (straight, "enter_usual"),
        (quick_postgresql, "add_to_series"),
    ],
    "after the commit": [(files, "remove_all")],
    "before the files are synced": [(files, "sync_files")],
    "amid a part": [(PartsToDisk, "_write")],
    "before a part is named": [(storing, "take")],
}

_SERVICE = [os.getpid()]
_LISTENER = "listener"


def _kill_at(spot: str, calls: int) -> None:
    """Die with the given call of what happens there; "before the commit": after its last step."""
    left = [calls]
    for where, name in SPOTS[spot]:
        original = getattr(where, name)
        setattr(where, name, _dying(original, left, after=spot == "before the commit"))


def _dying(original: Callable[..., Any], left: list[int], *, after: bool) -> Callable[..., Any]:
    def due(*, is_after: bool) -> None:
        left[0] -= is_after == after
        if left[0] == 0:
            for pid in (_SERVICE[0], os.getpid()):  # who kills itself first kills nobody else
                os.kill(pid, signal.SIGKILL)

    def die_or_go(*arguments: object) -> object:
        due(is_after=False)
        done = original(*arguments)
        due(is_after=True)
        return done

    async def die_or_go_on(*arguments: object) -> object:
        due(is_after=False)
        done = await original(*arguments)
        due(is_after=True)
        return done

    return die_or_go_on if inspect.iscoroutinefunction(original) else die_or_go


async def _bring(settings: WorkflowManagerSettings, node: DicomNode, told: dict[str, str]) -> None:
    """Bring a body to STOW-RS, and say which status its answer has."""
    body = await asyncio.to_thread(Path(told["body"]).read_bytes)

    async def pieces() -> AsyncIterator[bytes]:
        for begin in range(0, len(body), 65_536):
            yield body[begin : begin + 65_536]

    request = storing.Request(told["content_type"], Origin("TEST"), None, 2**30)
    async with settling.open_desk(settings, node) as desk:
        results = await storing.store(desk, request, pieces())
    sys.stdout.write(json.dumps({"status": storing.status_of(results)}) + "\n")
    sys.stdout.flush()


async def _serve(folder: Path, changes: dict[str, object], bring: dict[str, str] | None) -> None:
    url = str(changes.pop("database_url", sqlite_url(folder / "workflow.sqlite")))
    settings = WorkflowManagerSettings(
        database_url=url,
        engine_database_url=url,
        lake_root=folder / "lake",
        dicom_min_free_bytes=0,
        **changes,  # type: ignore[arg-type]
    )
    engine = create_engine(url)
    node = DicomNode(settings, create_sessions(engine), LocalLake(settings.lake_root))
    await node.leftovers.recover()
    await node.start()
    sys.stdout.write(json.dumps({"pids": [each.pid for each in node.listeners]}) + "\n")
    sys.stdout.flush()
    if bring:
        await _bring(settings, node, bring)
    await asyncio.to_thread(sys.stdin.read)
    await node.stop()
    await engine.dispose()


def _listen(spot: str, calls: str, *told: str) -> int:
    """Be a listener of a service that this file started."""
    _SERVICE[0] = int(told[0])
    _kill_at(spot, int(calls))
    sys.argv[1:] = told
    return listener_process.main()


def main() -> None:
    if sys.argv[1] == _LISTENER:
        sys.exit(_listen(*sys.argv[2:]))
    # Its listeners are its children, for tests that look for them.
    asyncio.create_subprocess_exec = asyncio.subprocess.create_subprocess_exec
    configure_logging()
    told = json.loads(sys.argv[2])
    if spot := told.pop("spot", None):
        calls = told.pop("calls")
        _kill_at(spot, calls)
        listeners._PROGRAM[:] = [__file__, _LISTENER, spot, str(calls)]
    bring = told.pop("bring", None)
    asyncio.run(_serve(Path(sys.argv[1]), told, bring))


if __name__ == "__main__":
    main()
