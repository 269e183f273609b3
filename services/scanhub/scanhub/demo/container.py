"""A module of the demo that runs as a container: it copies the images of one scan.

Its image is made of a shell and a tool of this machine: nothing is fetched from anywhere. Where
containers do not run, the demo goes on without it and says why.
"""

import asyncio
import io
import json
import re
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scanhub.demo.data import DemoApi
from scanhub.demo.errors import DemoError

NAME, _REST = "demo-copy", "demo-archive"
_IMAGE = "localhost/scanhub-demo-copy:1"
_TOOLS = ("sh", "cp")
_COMMAND = (
    'cp "$MERCURE_IN_DIR"/*.dcm "$MERCURE_OUT_DIR"/ && set -- "$MERCURE_IN_DIR"/*.dcm '
    '&& echo "{\\"images\\": $#}" > "$MERCURE_OUT_DIR"/result.json && echo "$# images copied"'
)
_SECONDS = 60.0
_WHY = {
    "rlimit": "this user may not raise the limits of processes (default_ulimits of "
    "containers.conf are above those of `ulimit -H`); it",
    "subuid": "this user has no range in /etc/subuid and /etc/subgid; it",
    "newuidmap": "the package uidmap is missing; it",
    "xdg_runtime_dir": "this user has no XDG_RUNTIME_DIR of its own; it",
    "docker daemon": "its daemon does not run, or this user may not talk to it; it",
}
"""By what an engine says, what is to be done about it."""
_LONGEST = 200


class NoContainerError(Exception):
    """Containers do not run here; the text says why."""


async def plan_container(api: DemoApi, series_description: str) -> str:
    """Let a rule give a series to the container; return why there is none, else nothing.

    Args:
        api: The platform.
        series_description: Of the series that it gets.
    """
    try:
        await make_container(api)
    except NoContainerError as error:
        await _forget_rules(api)
        return str(error)
    rule = {
        "name": NAME,
        "rule": f"tags.SeriesDescription == {series_description!r}",
        "action": "both",
        "processing_module": [NAME],
        "target": ["archive"],
        "comment": "Of the demo",
    }
    rest = {
        "name": _REST,
        "rule": "True",
        "fallback": True,
        "target": ["archive"],
        "comment": "Of the demo: where there are rules, what none of them takes goes nowhere",
    }
    await _put(api, "rules", rule)
    await _put(api, "rules", rest)
    return ""


async def make_container(api: DemoApi) -> None:
    """Make the module and its image.

    Raises:
        NoContainerError: Containers do not run here.
    """
    await _put(api, "modules", {"name": NAME, "docker_tag": _IMAGE})
    test = await api.call("POST", f"/workflowmanager/modules/{NAME}/test")
    await asyncio.to_thread(_make_image, test)


async def said_by_container(api: DemoApi) -> str:
    """Return what the newest run of the container left; raise DemoError where it failed."""
    (run, *_) = await api.call("GET", "/workflowmanager/processing", params={"limit": 1})
    if run["state"] != "succeeded":
        raise DemoError(f"The module container {run['state']}: {run['reason']}")
    (output, *_) = run["outputs"]
    return json.dumps(output["result"])


async def _put(api: DemoApi, kind: str, document: Mapping[str, object]) -> None:
    known = {item["name"] for item in await api.call("GET", f"/workflowmanager/{kind}")}
    if document["name"] in known:
        await api.call("PUT", f"/workflowmanager/{kind}/{document['name']}", json=document)
    else:
        await api.call("POST", f"/workflowmanager/{kind}", json=document)


async def _forget_rules(api: DemoApi) -> None:
    """Take the rules of an earlier demo away: the container that they name does not run."""
    known = {item["name"] for item in await api.call("GET", "/workflowmanager/rules")}
    for name in known & {NAME, _REST}:
        await api.call("DELETE", f"/workflowmanager/rules/{name}")


def _make_image(test: dict[str, Any]) -> None:
    """Make the image unless it is there, and see whether it runs; blocking.

    Args:
        test: What the server says of the module: it may have no engine, or not the image.

    Raises:
        NoContainerError: It does not.
    """
    engine = test["runtime"]
    if not engine:
        raise NoContainerError(" ".join(test["problems"]))
    if not test["ok"]:
        change = f"CMD {json.dumps(['sh', '-c', _COMMAND])}"
        problem = _run([engine, "import", "--change", change, "-", _IMAGE], _archive())
        if problem is not None:
            raise NoContainerError(f"{engine} makes no image: {problem}")
    quietly = ("--rm", "--network=none", "--pull=never")
    problem = _run([engine, "run", *quietly, _IMAGE, "sh", "-c", ":"])
    if problem is not None:
        raise NoContainerError(reason(engine, problem))


def reason(engine: str, said: str) -> str:
    """Say for a newcomer why an engine that is installed starts no container.

    Args:
        engine: podman or docker.
        said: The last line of what it said.
    """
    why = next((words for sign, words in _WHY.items() if sign in said.lower()), "")
    return f"{engine} is installed, but starts no container here: {why or 'it'} says {said!r}"


def _run(command: list[str], given: bytes | None = None) -> str | None:
    """Run a program; return why it failed, or None."""
    try:
        done = subprocess.run(  # noqa: S603 - podman or docker
            command, input=given, capture_output=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return None
    said = done.stderr.decode(errors="replace").strip() or "no reason given"
    return said.splitlines()[-1][-_LONGEST:]


def _archive() -> bytes:
    """Return the files of the image: the tools, and the libraries that they load."""
    files = {}
    for tool in _TOOLS:
        program = Path(shutil.which(tool, path="/usr/bin:/bin") or f"/bin/{tool}").resolve()
        files[f"bin/{tool}"] = program
        files |= {library.lstrip("/"): Path(library).resolve() for library in _libraries(program)}
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, path in files.items():
            archive.add(path, name)
    return made.getvalue()


def _libraries(program: Path) -> list[str]:
    said = subprocess.run(  # noqa: S603 - of this machine
        ["ldd", str(program)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    return re.findall(r"(/\S+) \(0x", said.stdout)
