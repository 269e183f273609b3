"""An image for containers, made of files of this machine: a shell, a few tools, Python."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import IO

TOOLS = ("sh", "cat", "cp", "ls", "sleep", "id", "head", "touch")
PACKAGES = ("encodings", "collections", "json", "re", "importlib", "urllib", "lib-dynload")
IMAGE = "localhost/scanhub-test:1"
CONTAINERS = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
runtime = "runc"
"""
STORAGE = """
[storage]
driver = "vfs"
graphroot = "{folder}/store"
runroot = "{folder}/run"
"""
ANYTHING = '{"default": [{"type": "insecureAcceptAnything"}]}'


def write_configuration(folder: Path) -> dict[str, str]:
    """Write what podman needs to work in a folder of its own; return its variables."""
    (folder / "containers.conf").write_text(CONTAINERS)
    (folder / "storage.conf").write_text(STORAGE.format(folder=folder))
    policy = folder / ".config" / "containers" / "policy.json"
    policy.parent.mkdir(parents=True)
    policy.write_text(ANYTHING)
    return {
        "HOME": str(folder),
        "CONTAINERS_CONF": str(folder / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
    }


def make_image(podman: str, folder: Path, variables: dict[str, str]) -> str:
    """Import an image of this machine's own files, without any registry; return its name."""
    root = folder / "rootfs"
    programs = [
        Path(found) for tool in TOOLS if (found := shutil.which(tool, path="/usr/bin:/bin"))
    ]
    python = Path(sys._base_executable).resolve()
    for program in programs:
        _copy(program.resolve(), root / "bin" / program.name)
    _copy(python, root / str(python).lstrip("/"))
    stdlib = Path(sysconfig.get_paths()["stdlib"])
    for path in stdlib.glob("*.py"):
        _copy(path, root / str(path).lstrip("/"))
    for name in PACKAGES:
        if (stdlib / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*test*")
            shutil.copytree(stdlib / name, root / str(stdlib / name).lstrip("/"), ignore=ignored)
    for library in {library for one in (*programs, python) for library in _libraries(one)}:
        _copy(Path(library), root / library.lstrip("/"))
    (root / "tmp").mkdir(mode=0o1777)
    (root / "etc").mkdir(exist_ok=True)
    (root / "usr/bin").mkdir(parents=True, exist_ok=True)
    if python != Path("/usr/bin/python3"):
        (root / "usr/bin/python3").unlink(missing_ok=True)
        (root / "usr/bin/python3").symlink_to(python)
    with subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE) as tar:
        home = f"ENV PYTHONHOME={sys.base_prefix}"
        command = [podman, "import", "-q", "-c", "ENV PATH=/usr/bin:/bin", "-c", home, "-", IMAGE]
        _run(command, variables, given=tar.stdout)
    shutil.rmtree(root)
    return IMAGE


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def _libraries(program: Path) -> list[str]:
    """Return the shared libraries that a program loads."""
    said = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False).stdout
    return [found for found in re.findall(r"(/\S+) \(0x", said) if Path(found).exists()]


def derived(
    image: str,
    podman: str,
    variables: dict[str, str],
    name: str,
    *command: str,
    manifest: str | None = None,
) -> str:
    """Commit an image whose containers run a command; return its name.

    With a `manifest` it is a MONAI application package.
    """
    tag = f"localhost/{name}:1"
    change = "CMD [" + ", ".join(f'"{_escaped(word)}"' for word in command) + "]"
    container = _run([podman, "create", image, "sh"], variables).stdout.strip()
    if manifest is not None:
        package = Path(variables["HOME"]) / name / "monai"
        package.mkdir(parents=True)
        (package / "app.json").write_text(manifest)
        _run([podman, "cp", str(package), f"{container}:/etc/monai"], variables)
    _run([podman, "commit", "-q", "-c", change, container, tag], variables)
    _run([podman, "rm", container], variables)
    return tag


def _run(
    command: list[str], variables: dict[str, str], given: IO[bytes] | None = None
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command,
        stdin=given,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
