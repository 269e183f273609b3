"""Modules as containers, by the command line of podman or docker. mercure's modules run unchanged.

The program in the foreground hands over what the container says; the engine keeps no log of it.
After kill -9 of this process a container goes on: whoever repeats the work removes it first.
"""

import asyncio
import os
from collections.abc import Collection, Iterator

from scanhub_libraries.logging import get_logger
from scanhub_libraries.models.module import ModuleSettings
from workflow_manager.modules import arguments
from workflow_manager.modules.runner import (
    INPUT,
    OUTPUT,
    PERSISTENCE,
    Ending,
    Fitness,
    Work,
    contract_variables,
)
from workflow_manager.modules.runtime import Runtime, variable_options, words_of
from workflow_manager.programs import child
from workflow_manager.programs.child import Log
from workflow_manager.settings import WorkflowManagerSettings

logger = get_logger(__name__)
_NO_ROOT = "It has to run as root: SCANHUB_WORKFLOW_MODULE_ROOT allows it."
_ELSEWHERE = (
    "It runs in another process, which serves the queue modules: whether that has the image "
    "is seen when it begins."
)
_BY_THE_ENGINE = 125
"""Exit code of `podman run` and `docker run` when the container could not be made."""
_NOT_BEGUN = frozenset({_BY_THE_ENGINE, 126, 127})
"""And where its command is none, or is not there."""
_LATER_S = 120


def is_done_elsewhere(settings: WorkflowManagerSettings) -> bool:
    """Say whether containers run, but not in this process."""
    queues = settings.queues
    return queues is not None and "modules" not in queues and settings.module_runtime != "none"


class ContainerRunner:
    """Runs containers.

    Args:
        settings: What they may do here.
        runtime: What runs them.
    """

    def __init__(self, settings: WorkflowManagerSettings, runtime: Runtime) -> None:
        self._settings = settings
        self.runtime = runtime

    async def examine(self, module: ModuleSettings, *, image: bool) -> Fitness:
        """Say whether an engine is here, the settings are allowed, and the image can be had."""
        notes = list(arguments.without_effect(module.docker_arguments))
        problems = []
        try:
            await asyncio.to_thread(self._limits, module)
        except arguments.NotAllowedError as error:
            problems.append(str(error))
        if module.requires_root and not self._settings.module_root:
            problems.append(_NO_ROOT)
        if is_done_elsewhere(self._settings):
            return Fitness("", problems, [*notes, _ELSEWHERE])
        why = await self.runtime.problem()
        if why:
            problems.append(why)
        elif image:
            problems += await self._look_at_image(module, notes)
            notes += self._unheeded(module, await self.runtime.without_limit())
        return Fitness(self.runtime.name, problems, notes)

    def _unheeded(self, module: ModuleSettings, lacking: Collection[str]) -> Iterator[str]:
        """Yield which limits of a module do not hold here."""
        wanted = {
            "memory": module.memory_bytes or self._settings.module_memory_bytes,
            "cpu": module.cpus or self._settings.module_cpus,
        }
        for name in lacking:
            if wanted[name]:
                yield (
                    f"Its limit of {name} does not hold: {self.runtime.name} has no cgroup "
                    f"controller {name} here. Let the system delegate it (cgroups v2), or run as "
                    "root."
                )

    async def _look_at_image(self, module: ModuleSettings, notes: list[str]) -> list[str]:
        tag = module.docker_tag
        image_id = await self.runtime.image_id(tag)
        if not image_id:
            if self._settings.module_pull == "never":
                return [self._not_here(tag)]
            notes.append(f"The image {tag} is not here yet: it is fetched when it is needed.")
            return []
        if await self.runtime.monai_command(tag, image_id) is None:
            return []
        notes.append("The image is a MONAI application package.")
        return [] if self._settings.module_root else [f"A MONAI package. {_NO_ROOT}"]

    def _not_here(self, tag: str) -> str:
        return (
            f"The image {tag} is not here: {self.runtime.name} pull {tag}, or let it be fetched "
            "(SCANHUB_WORKFLOW_MODULE_PULL)."
        )

    def _limits(self, module: ModuleSettings) -> list[str]:
        return [
            *arguments.options(module.docker_arguments, self._settings.module_oci_runtimes),
            *arguments.mounts(module.additional_volumes, self._settings.module_volumes),
        ]

    async def run(self, work: Work, cancel: asyncio.Event, log: Log) -> Ending:
        """Run the container to its end."""
        image_id, problem = await self._fetch(work.module)
        if problem:
            return Ending(problem=problem)
        environment = self.runtime.environment()
        try:
            command = await self._command(work, environment, image_id)
        except arguments.NotAllowedError as error:
            return Ending(problem=str(error))
        if self.runtime.name != "podman":  # which replaces one of this name
            await self.clear(work.name)
        try:
            process = await child.start(command, environment, work.scratch)  # conmon writes here
        except OSError as error:
            return Ending(problem=f"{self.runtime.name}: {error.strerror}")
        is_gone = False
        try:
            ended = await child.follow(process, cancel, log, work.timeout_s)
            if not ended.by_itself:
                await self.clear(work.name)
            code = await child.reap(process)
            is_gone = ended.by_itself and code is not None and _has_run(code)
        finally:
            child.kill(process)
            if not is_gone:  # else the engine has removed it (--rm)
                await asyncio.shield(self.clear(work.name))
        if code == _BY_THE_ENGINE and ended.by_itself:
            return Ending(
                problem=f"{self.runtime.name} could not start the container: see its log."
            )
        return Ending(
            exit_code=-1 if code is None else code,
            canceled=ended.canceled,
            timed_out=ended.timed_out,
        )

    async def _fetch(self, module: ModuleSettings) -> tuple[str, str]:
        """Fetch the image if that is wished; return its id, and why there is none."""
        if not self.runtime.name:
            return "", self.runtime.missing
        tag, pull = module.docker_tag, self._settings.module_pull
        image_id = await self.runtime.image_id(tag)
        if not image_id and (why := await self.runtime.problem()):
            return "", why
        if pull == "always" or (pull == "missing" and not image_id):
            code, said = await self.runtime.ask("pull", tag, timeout_s=3600.0)
            if code and not image_id:
                return "", f"The image {tag} cannot be fetched: {said[-300:]}"
            image_id = await self.runtime.image_id(tag)
        return image_id, "" if image_id else self._not_here(tag)

    async def _command(self, work: Work, environment: dict[str, str], image_id: str) -> list[str]:
        """Return the whole command; variables of the module go into `environment`."""
        module = work.module
        monai = await self.runtime.monai_command(module.docker_tag, image_id)
        as_root = module.requires_root or monai is not None
        if as_root and not self._settings.module_root:
            raise arguments.NotAllowedError(_NO_ROOT)
        places = contract_variables(INPUT, OUTPUT, PERSISTENCE if work.persistence else None)
        return [
            *(self.runtime.name, "run", "--rm", f"--name={work.name}", "--label=scanhub.module=1"),
            *(["--replace"] if self.runtime.name == "podman" else []),
            *("--pull=never", "--log-driver=none", "--security-opt=no-new-privileges"),
            "--cap-drop=ALL",
            *([] if module.network_enabled else ["--network=none"]),
            *self._user(as_root=as_root),
            *self._binds(work),
            *(f"--device={self._settings.gpu_cdi}={name}" for name in work.gpus),
            *variable_options(work.variables, environment, places),
            *await asyncio.to_thread(self._limits, module),
            *_own_limits(work, engine=self.runtime.name),
            module.docker_tag,
            *(words_of(monai) if monai is not None else []),
        ]

    def _user(self, *, as_root: bool) -> list[str]:
        if as_root:
            return ["--user=0:0"]
        user = [f"--user={os.getuid()}:{os.getgid()}"]
        if self.runtime.name == "podman" and os.getuid() != 0:
            user.append("--userns=keep-id")  # else its user is another one of ours
        return user

    def _binds(self, work: Work) -> list[str]:
        mode = "rw" if work.module.input_writable else "ro"
        binds = [
            f"--volume={work.input.absolute()}:{INPUT}:{mode}",
            f"--volume={work.output.absolute()}:{OUTPUT}:rw",
        ]
        if work.persistence is not None:
            binds.append(f"--volume={work.persistence.absolute()}:{PERSISTENCE}:rw")
        return binds

    async def clear(self, name: str) -> None:
        """Kill and remove the container of this name."""
        if not self.runtime.name:
            return
        code, said = await self.runtime.ask("rm", "--force", "--volumes", name)
        if code and "no such container" not in said.lower() and "no container" not in said.lower():
            logger.warning("a container could not be removed", container=name, reason=said[-300:])


def _has_run(code: int) -> bool:
    """Say whether a container was made and its command began, by the exit code of `run`."""
    return code >= 0 and code not in _NOT_BEGUN


def _own_limits(work: Work, *, engine: str) -> list[str]:
    """Return the limits of ours; they go last, so that they count."""
    limits = []
    if work.memory_bytes is not None:
        # The same again with swap: a module that takes too much is killed, and slows down nobody.
        limits += [f"--memory={work.memory_bytes}", f"--memory-swap={work.memory_bytes}"]
    if work.cpus is not None:
        limits.append(f"--cpus={work.cpus:g}")
    if engine == "podman":  # should this process not live to see it
        limits.append(f"--timeout={int(work.timeout_s) + _LATER_S}")
    return limits
