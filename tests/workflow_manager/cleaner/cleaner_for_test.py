"""The cleaner in a process of its own, which kills itself where it is told to."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import create_engine, create_sessions, transaction
from scanhub_libraries.lake import LocalLake
from scanhub_libraries.logging import configure_logging
from scanhub_libraries.models.cleaner import RemovalIn
from workflow_manager.cleaner import by_hand, service
from workflow_manager.cleaner.cleaning import Cleaner
from workflow_manager.settings import WorkflowManagerSettings


def _die(*_arguments: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _kill_at(spot: str) -> None:
    unlink, append = service._unlink, service.append

    async def append_and_die(*arguments: Any) -> None:
        await append(*arguments)
        _die()

    def unlink_one_and_die(root: Path, keys: list[str]) -> None:
        unlink(root, keys[:1])
        _die()

    def unlink_all_and_die(root: Path, keys: list[str]) -> None:
        unlink(root, keys)
        _die()

    changes: dict[str, tuple[str, Any]] = {
        "before the commit": ("append", append_and_die),
        "after the commit": ("_unlink", _die),
        "between the files": ("_unlink", unlink_one_and_die),
        "after the files": ("_unlink", unlink_all_and_die),
    }
    name, change = changes[spot]
    setattr(service, name, change)


async def _clean(url: str, lake: Path, study: str | None = None) -> None:
    """Clean, or remove a study as a person does."""
    engine = create_engine(url)
    settings = WorkflowManagerSettings(
        database_url=url, engine_database_url=url, lake_root=lake, clean_sent_days=1
    )
    wiring: Any = SimpleNamespace(
        settings=settings, lake=LocalLake(lake), sessions=create_sessions(engine)
    )
    if study is None:
        await Cleaner(wiring).clean(utc_now())
    else:
        async with transaction(wiring.sessions) as session:
            await by_hand.remove_images(session, study, RemovalIn(reason="quality"))
        await service.remove_files(wiring.sessions, wiring.lake)
    await engine.dispose()


if __name__ == "__main__":
    configure_logging()
    _kill_at(sys.argv[3])
    asyncio.run(_clean(sys.argv[1], Path(sys.argv[2]), *sys.argv[4:]))
