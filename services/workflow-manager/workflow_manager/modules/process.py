"""Modules as processes of this server: a Python file, with the folders and variables of containers.

They have the rights of the server, so that only files below a folder of the installation run.
"""

import asyncio
from pathlib import Path

from scanhub_libraries.models.module import ModuleSettings
from workflow_manager.modules.runner import (
    Ending,
    Fitness,
    Work,
    contract_variables,
)
from workflow_manager.programs.child import Log
from workflow_manager.programs.supervised import Limits, Supervised, run
from workflow_manager.settings import WorkflowManagerSettings

BUILT_IN = "built_in/"
"""How the entry point of a module begins that comes with the product."""
_BUILT_IN_FOLDER = Path(__file__).with_name("built_in")
_NO_FOLDER = (
    "No Python file may run as a module here: SCANHUB_WORKFLOW_MODULE_FOLDER names the folder."
)
OF_CONTAINERS = ("docker_arguments", "additional_volumes", "requires_root")


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
            for name in OF_CONTAINERS
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
        root, name = self._settings.module_folder, module.entry_point
        if name.startswith(BUILT_IN):
            root, name = _BUILT_IN_FOLDER, name.removeprefix(BUILT_IN)
        if root is None:
            raise FileNotFoundError(_NO_FOLDER)
        root = root.resolve()
        place = (root / name).resolve()
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
        own = [work.input, work.output, work.scratch, *filter(None, [work.persistence])]
        writes = (*own, *self._settings.module_writes)
        limits = Limits(work.timeout_s, work.memory_bytes, work.cpus, writes)
        program = Supervised(
            str(place), variables=_variables(work), folder=work.scratch, limits=limits
        )
        end = await run(program, cancel, log)
        return Ending(exit_code=end.exit_code, canceled=end.canceled, timed_out=end.timed_out)

    async def clear(self, name: str) -> None:
        """Do nothing: a process ends with the server that started it."""


def _variables(work: Work) -> dict[str, str]:
    places = contract_variables(
        str(work.input), str(work.output), str(work.persistence) if work.persistence else None
    )
    home = {"HOME": str(work.scratch), "TMPDIR": str(work.scratch)}
    return {**home, **work.variables, **places}
