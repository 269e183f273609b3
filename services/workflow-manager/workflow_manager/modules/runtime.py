"""podman or docker: which of them is here, and how it is called."""

import asyncio
import json
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from workflow_manager.programs import child

_KEPT = (
    *("PATH", "HOME", "USER", "LANG", "TMPDIR", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"),
    *("CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "CONTAINER_HOST", "DOCKER_HOST"),
    *("DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "REGISTRY_AUTH_FILE"),
)
_FRESH_S = 30.0
_MAP = "/etc/monai/app.json"


class Runtime:
    """The command line of a container engine.

    Args:
        wanted: podman, docker, none, or auto: podman, or else docker.
    """

    def __init__(self, wanted: str) -> None:
        self._wanted = wanted
        self._seen: tuple[float, str] | None = None
        self._commands: dict[str, str | None] = {}
        """Command of a MONAI application package by the id of its image."""
        self._images: dict[str, tuple[tuple[int, ...], str]] = {}
        """Ids of images by their names, each with what the list of images was like then."""
        self._list: Path | None = None
        self._list_asked = False

    @property
    def name(self) -> str:
        """Which one it is; empty: there is none."""
        names = {"auto": ("podman", "docker"), "none": ()}.get(self._wanted, (self._wanted,))
        return next((name for name in names if shutil.which(name)), "")

    @property
    def missing(self) -> str:
        """Say that there is none, and what to do."""
        if self._wanted == "none":
            return "Containers do not run here: SCANHUB_WORKFLOW_MODULE_RUNTIME is none."
        wanted = "podman or docker" if self._wanted == "auto" else self._wanted
        return f"Containers do not run here: install {wanted}."

    def environment(self) -> dict[str, str]:
        """Return the variables that the program itself gets."""
        return {name: os.environ[name] for name in _KEPT if name in os.environ}

    async def problem(self) -> str:
        """Return why it does not work; empty: it does. Looked at now and then."""
        if not self.name:
            return self.missing
        if self._seen is None or time.monotonic() - self._seen[0] > _FRESH_S:
            code, said = await self.ask("version", "--format", "{{.Client.Version}}")
            if not code and self.name == "docker":
                code, said = await self.ask("info", "--format", "{{.ServerVersion}}")
            why = "" if not code else f"{self.name} does not work: {_last(said)}"
            self._seen = (time.monotonic(), why)
        return self._seen[1]

    async def ask(self, *arguments: str, timeout_s: float = 60.0) -> tuple[int, str]:
        """Run a short command; return its exit code and what it says."""
        return await child.ask([self.name, *arguments], self.environment(), timeout_s)

    async def without_limit(self) -> Sequence[str]:
        """Return what containers cannot be limited in here: memory, cpu."""
        if self.name != "podman":
            return ()
        code, said = await self.ask("info", "--format", "{{.Host.CgroupControllers}}")
        return () if code else lacking(_last(said))

    async def image_id(self, image: str) -> str:
        """Return the id of an image that is here; empty: it is not.

        To ask podman takes a third of what a short module does: it is asked again when its list of
        images has changed.
        """
        seen = await self._list_of_images()
        known = self._images.get(image)
        if known is not None and seen and known[0] == seen:
            return known[1]
        code, said = await self.ask("image", "inspect", "--format", "{{.Id}}", image)
        found = _last(said) if not code else ""
        if found and seen:
            self._images[image] = (seen, found)
        return found

    async def _list_of_images(self) -> tuple[int, ...]:
        """Return what tells this list of images from a later one; empty: nothing does."""
        if not self._list_asked:
            self._list_asked, self._list = True, await self._find_list()
        if self._list is None:
            return ()
        try:
            found = await asyncio.to_thread(self._list.stat)
        except OSError:
            return ()
        return found.st_ino, found.st_mtime_ns, found.st_size

    async def _find_list(self) -> Path | None:
        """Return the file in which podman keeps its list of images; None: it is not known.

        It is written anew and renamed at each change (containers/storage). With more than one
        store of images, or on another machine, it would not tell of all.
        """
        if self.name != "podman" or "CONTAINER_HOST" in os.environ:
            return None
        code, said = await self.ask("info", "--format", "{{json .Store}}")
        return None if code else list_of_images(said)

    async def monai_command(self, image: str, image_id: str) -> str | None:
        """Return the command of a MONAI application package; None: the image is no such package.

        It is in the manifest (MONAI Deploy: application manifest), looked for once for each image.
        """
        if image_id not in self._commands:
            code, said = await self.ask(
                *("run", "--rm", "--network=none", "--cap-drop=ALL", "--pull=never"),
                *("--log-driver=none", "--entrypoint=cat", image, _MAP),
                timeout_s=300.0,
            )
            self._commands[image_id] = None if code else _command_of(said)
        return self._commands[image_id]


def list_of_images(store: str) -> Path | None:
    """Return the file of the list of images, by what `podman info` says of its store. Pure."""
    try:
        told = json.loads(store)
        root, driver = Path(told["graphRoot"]), str(told["graphDriverName"])
        others = told.get("graphOptions") or {}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if any("imagestore" in str(name).lower() for name in others):
        return None
    return root / f"{driver}-images" / "images.json"


def lacking(controllers: str) -> Sequence[str]:
    """Return which limits do not hold, by the cgroup controllers that `podman info` names. Pure.

    Without root podman has those that the system hands to users; with cgroups v1, none. It then
    says so to nobody but the log, and runs the container without the limit.
    """
    there = controllers.strip("[]").split()
    return [name for name in ("memory", "cpu") if name not in there]


def variable_options(
    own: Mapping[str, str], environment: dict[str, str], plain: Mapping[str, str]
) -> list[str]:
    """Return the options for variables of a container, without values that others could see.

    Args:
        own: Of the module: their values go by the environment of the program, which is extended;
            those that would change the program itself are told by its arguments.
        environment: Of the program.
        plain: Those of the contract: they go last, so that no other value counts.
    """
    options = []
    for name, value in own.items():
        if name in plain:
            continue
        if name in _KEPT or name.startswith(
            ("LD_", "CONTAINER", "DOCKER_", "XDG_", "PODMAN", "GO")
        ):
            options.append(f"--env={name}={value}")
        else:
            environment[name] = value
            options.append(f"--env={name}")
    return options + [f"--env={name}={value}" for name, value in plain.items()]


def _command_of(text: str) -> str | None:
    try:
        manifest = json.loads(text)
    except ValueError:
        return None
    command = manifest.get("command") if isinstance(manifest, dict) else None
    if isinstance(command, list):
        command = json.dumps(command)
    return command if isinstance(command, str) and command else None


def words_of(command: str) -> Sequence[str]:
    """Return the words of a manifest's command: a list, or a line for a shell."""
    try:
        words = json.loads(command)
    except ValueError:
        return command.split()
    return [str(word) for word in words] if isinstance(words, list) else command.split()


def _last(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:300] if lines else "it said nothing"
