"""Modules as processes of this server: a Python file, with the folders and variables of containers.

They have the rights of the server, so that only files below a folder of the installation run.
"""

import asyncio
import os
import sys
from pathlib import Path

from scanhub_libraries.models.module import ModuleSettings
from workflow_manager.modules import child
from workflow_manager.modules.runner import (
    Ending,
    Fitness,
    Log,
    Work,
    contract_variables,
)
from workflow_manager.settings import WorkflowManagerSettings

_KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
"""Of the server's own variables a module gets these; others may hold secrets."""
_NO_FOLDER = (
    "No Python file may run as a module here: SCANHUB_WORKFLOW_MODULE_FOLDER names the folder."
)
_OF_CONTAINERS = ("docker_arguments", "additional_volumes", "requires_root")


class ProcessRunner:
    """Runs Python files.

    Args:
        settings: Which folder they are in.
    """

    def __init__(self, settings: WorkflowManagerSettings) -> None:
        self._settings = settings

    async def examine(self, module: ModuleSettings, *, image: bool) -> Fitness:  # noqa: ARG002 - quick
        """Say whether there is such a file, and where it may be."""
        without = [
            f"{name} is for containers: it has no effect on a process."
            for name in _OF_CONTAINERS
            if getattr(module, name)
        ]
        if not module.network_enabled:
            without.append("A process is not cut off from the network; a container would be.")
        try:
            await asyncio.to_thread(self._place, module)
        except FileNotFoundError as error:
            return Fitness("process", [str(error)], without)
        return Fitness("process", [], without)

    def _place(self, module: ModuleSettings) -> Path:
        """Return the file, wherever links lead.

        Raises:
            FileNotFoundError: There is none that may run.
        """
        if self._settings.module_folder is None:
            raise FileNotFoundError(_NO_FOLDER)
        root = self._settings.module_folder.resolve()
        place = (root / module.entry_point).resolve()
        try:
            is_there = place.is_file() or (place / "__main__.py").is_file()
        except OSError:  # a name that no disk takes
            is_there = False
        if not module.entry_point or not is_there or not place.is_relative_to(root):
            raise FileNotFoundError(
                f"There is no Python file {module.entry_point!r} in the folder of modules."
            )
        return place

    async def run(self, work: Work, cancel: asyncio.Event, log: Log) -> Ending:
        """Run the file in a process that ends with this one."""
        try:
            place = await asyncio.to_thread(self._place, work.module)
        except FileNotFoundError as error:
            return Ending(problem=str(error))
        process = await child.start(_command(work, place), _environment(work), work.scratch)
        try:
            ended = await child.follow(process, cancel, log, work.timeout_s)
            code = await child.reap(process)
        finally:
            child.kill(process)
        return Ending(
            exit_code=-1 if code is None else code,
            canceled=ended.canceled,
            timed_out=ended.timed_out,
        )

    async def clear(self, name: str) -> None:
        """Do nothing: a process ends with the server that started it."""


def _command(work: Work, place: Path) -> list[str]:
    limits = []
    if work.memory_bytes is not None:
        limits.append(f"--memory={work.memory_bytes}")
    if work.cpus is not None:
        limits.append(f"--cpus={max(1, round(work.cpus))}")
    parent = str(os.getpid())
    return [sys.executable, "-u", "-m", "scanhub_jobs.supervised", parent, *limits, str(place)]


def _environment(work: Work) -> dict[str, str]:
    own = {name: os.environ[name] for name in _KEPT if name in os.environ}
    places = contract_variables(
        str(work.input), str(work.output), str(work.persistence) if work.persistence else None
    )
    home = {"HOME": str(work.scratch), "TMPDIR": str(work.scratch)}
    return {**own, **home, **work.variables, **places}
