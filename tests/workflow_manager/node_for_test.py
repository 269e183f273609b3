"""The receiving node in a process of its own, which kills itself where it is told to."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from scanhub_libraries.database import create_engine, create_sessions, sqlite_url
from scanhub_libraries.lake import LocalLake
from scanhub_libraries.logging import configure_logging
from workflow_manager.dicom import files, receiving
from workflow_manager.dicom.node import DicomNode
from workflow_manager.settings import WorkflowManagerSettings

SPOTS = {
    "before the files": (receiving, "enter"),
    "before the rename": (files, "link_in_place"),
    "before the event": (receiving, "append"),
    "after the commit": (files, "remove_all"),
}


def _kill_at(spot: str, calls: int) -> None:
    """Die with the given call of what happens there; "before the commit": after the last event."""
    after = spot == "before the commit"
    module, name = SPOTS["before the event" if after else spot]
    original = getattr(module, name)
    left = [calls]

    def due() -> bool:
        left[0] -= 1
        return left[0] == 0

    def die_first(*arguments: object) -> object:
        if due():
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments)

    async def die_last(*arguments: object) -> None:
        await original(*arguments)
        if due():
            os.kill(os.getpid(), signal.SIGKILL)

    setattr(module, name, die_last if after else die_first)


async def _serve(folder: Path, changes: dict[str, object]) -> None:
    url = sqlite_url(folder / "workflow.sqlite")
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
    await asyncio.to_thread(sys.stdin.read)
    await node.stop()
    await engine.dispose()


def main() -> None:
    configure_logging()
    told = json.loads(sys.argv[2])
    if spot := told.pop("spot", None):
        _kill_at(spot, told.pop("calls"))
    asyncio.run(_serve(Path(sys.argv[1]), told))


if __name__ == "__main__":
    main()
