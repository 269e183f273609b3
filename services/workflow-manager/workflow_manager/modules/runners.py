"""The runners of this server: which one a module takes, and whether it can run here."""

from scanhub_libraries.models.health import HealthPart
from scanhub_libraries.models.module import ModuleSettings, ModuleTest
from workflow_manager.gpus import GpuSlots
from workflow_manager.jobs.registry import JobRegistry
from workflow_manager.modules.container import ContainerRunner, is_done_elsewhere
from workflow_manager.modules.job import JobRunner
from workflow_manager.modules.process import ProcessRunner
from workflow_manager.modules.runner import Runner
from workflow_manager.modules.runtime import Runtime
from workflow_manager.settings import WorkflowManagerSettings


class Runners:
    """All runners.

    Args:
        settings: What the installation allows.
        jobs: Knows the jobs of the SDK.
        gpus: Graphics processors of this process.
    """

    def __init__(
        self, settings: WorkflowManagerSettings, jobs: JobRegistry, gpus: GpuSlots
    ) -> None:
        self._settings = settings
        self._gpus = gpus
        self._runtime = Runtime(settings.module_runtime)
        self._by_name: dict[str, Runner] = {
            "container": ContainerRunner(settings, self._runtime),
            "process": ProcessRunner(settings),
            "job": JobRunner(jobs, settings.module_writes),
        }

    def of(self, module: ModuleSettings) -> Runner:
        """Return what runs a module."""
        return self._by_name[module.runner]

    async def examine(self, module: ModuleSettings, *, image: bool = True) -> ModuleTest:
        """Say whether a module can run here; `image`: look for its image too."""
        fitness = await self.of(module).examine(module, image=image)
        problems = list(fitness.problems)
        lack = "" if is_done_elsewhere(self._settings) else self._gpus.lack(module.gpus)
        problems += [lack] if lack else []
        return ModuleTest(
            ok=not problems,
            runtime=fitness.runtime,
            problems=problems,
            notes=list(fitness.notes),
        )

    async def health(self, *, containers: bool) -> HealthPart:
        """Return the health of what runs modules.

        Args:
            containers: A module needs them.
        """
        if is_done_elsewhere(self._settings):
            return HealthPart(
                kind="runtime",
                name="modules",
                state="ok",
                detail="Modules run in other processes: those that serve the queue modules.",
            )
        problem = await self._runtime.problem()
        folder = self._settings.module_folder
        python = f"Python files of {folder} run." if folder else "No Python file runs."
        state = problem or f"{self._runtime.name} runs containers."
        return HealthPart(
            kind="runtime",
            name="modules",
            state="failing" if problem and containers else "ok",
            detail=f"{state} {python}",
            numbers={"slots": float(self._settings.module_slots)},
        )
