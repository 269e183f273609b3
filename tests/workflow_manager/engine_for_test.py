"""A process with a run engine of its own, to be killed, stopped and drained.

Its workflow has three steps. Each writes down that it was done, and by whom; the second one waits
until a file of the workflow's name is there.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from scanhub_libraries.logging import configure_logging
from workflow_manager.engine.dbos_engine import DbosEngine
from workflow_manager.engine.places import QueueSettings

QUEUES = {
    "work": QueueSettings(at_once=2),
    "one": QueueSettings(at_once=1),
    "parts": QueueSettings(at_once_per_partition=1),
}


class ThreeSteps:
    """The workflow `three`.

    Args:
        folder: Where it writes, and where the files are that it waits for.
        name: Of the process.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name

    def _note(self, step: str, key: str) -> None:
        with (self._folder / "done").open("a") as file:
            file.write(f"{step} {key} {self._name}\n")

    async def first(self, key: str) -> str:
        self._note("first", key)
        return "one"

    async def second(self, key: str) -> str:
        self._note("begins", key)
        while not (self._folder / key).exists():
            await asyncio.sleep(0.02)
        self._note("second", key)
        return "two"

    async def third(self, key: str) -> str:
        self._note("third", key)
        return "three"

    def body(self, steps: Any, key: str) -> None:
        assert steps.run("first", self.first, key) == "one"
        assert steps.run("second", self.second, key) == "two"
        assert steps.run("third", self.third, key) == "three"


async def _work(told: dict[str, Any]) -> None:
    work = ThreeSteps(Path(told["folder"]), told["name"])
    engine = DbosEngine(
        told["url"],
        executor_id=told["name"],
        bodies={"three": work.body},
        queues=QUEUES,
        served=told["served"],
    )
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await engine.launch()
    for kind, key, queue, partition in told["starts"]:
        await engine.start(kind, key, queue=queue, partition=partition)
    _say("ready")
    told_to, usurped = (asyncio.ensure_future(each.wait()) for each in (ended, engine.usurped))
    await asyncio.wait((told_to, usurped), return_when=asyncio.FIRST_COMPLETED)
    if usurped.done():
        _say("usurped")
        os._exit(3)
    engine._places.stop()  # from the next word on nothing begins
    _say("drains")
    await engine.close(told["drain_s"])
    _say("ended")


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    configure_logging()
    asyncio.run(_work(json.loads(sys.argv[1])))
