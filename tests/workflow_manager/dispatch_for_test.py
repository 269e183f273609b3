"""workflow-manager in a process of its own that sends, and kills itself where it is told to."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from scanhub_libraries.database import sqlite_url
from scanhub_libraries.logging import configure_logging
from scanhub_libraries.security.tokens import TokenVerifier
from workflow_manager.dicom import scu
from workflow_manager.dispatch import desk, repository, workflow
from workflow_manager.main import create_app
from workflow_manager.settings import WorkflowManagerSettings

SPOTS: dict[str, tuple[Any, str, bool]] = {  # where, what, and whether after it
    "before the row of the attempt": (repository, "find_due", True),
    "between the row and its workflow": (desk.DispatchDesk, "_begin", False),
    "before the first image": (workflow, "list_files", True),
    "between two images": (scu, "_send_one", True),
    "after the last answer": (workflow.DispatchSteps, "_conclude", False),
    "before the commit": (workflow, "append", True),
    "between attempts": (workflow.DispatchSteps, "_conclude", True),
}


def _die_at(spot: str, calls: int) -> None:
    where, what, after = SPOTS[spot]
    original: Callable[..., Any] = getattr(where, what)
    left = [calls]

    def count() -> None:
        left[0] -= 1
        if left[0] == 0:
            _say("dies")
            os.kill(os.getpid(), signal.SIGKILL)

    async def awaited(*arguments: Any, **named: Any) -> Any:
        if not after:
            count()
        result = await original(*arguments, **named)
        if after and result is not False:
            count()
        return result

    def called(*arguments: Any, **named: Any) -> Any:
        result = original(*arguments, **named)
        count()
        return result

    setattr(where, what, awaited if asyncio.iscoroutinefunction(original) else called)


async def _serve(told: dict[str, Any]) -> None:
    folder = Path(told["folder"])
    settings = {
        "database_url": sqlite_url(folder / "workflow.sqlite"),
        "engine_database_url": f"sqlite:///{folder / 'engine.sqlite'}",
        "lake_root": folder / "lake",
        "dicom_min_free_bytes": 0,
        **told["settings"],
    }
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    app = create_app(
        WorkflowManagerSettings(**settings),
        exam_manager=httpx.AsyncClient(base_url="http://127.0.0.1:9"),
        device_manager=httpx.AsyncClient(base_url="http://127.0.0.1:9"),
        verifier=TokenVerifier(told["public_pem"]),
    )
    async with app.router.lifespan_context(app):
        _say("ready")
        await ended.wait()
    _say("ended")


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main() -> None:
    configure_logging()
    told = json.loads(sys.argv[1])
    if told["spot"]:
        _die_at(told["spot"], told["calls"])
    asyncio.run(_serve(told))


if __name__ == "__main__":
    main()
