"""Find a job by `module:function`, and the other jobs of its module."""

import importlib
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from scanhub_jobs.declaring import Job
from scanhub_jobs.errors import JobDefinitionError
from scanhub_jobs.hooks import SessionHook


def find_job(entry: str) -> Job[Any]:
    """Import a job.

    Args:
        entry: `module:function`; the module is looked for in the working folder too.

    Raises:
        JobDefinitionError: There is none.
    """
    module_name, colon, path = entry.partition(":")
    if not colon or not module_name or not path:
        raise JobDefinitionError(f"{entry!r} is no module:function.")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    found: Any = importlib.import_module(module_name)
    for name in path.split("."):
        found = getattr(found, name, None)
    if not isinstance(found, Job):
        raise JobDefinitionError(f"{entry} is no job: decorate the function with @job(...).")
    return found


def jobs_beside(job: Job[Any]) -> dict[str, Job[Any]]:
    """Return all jobs of the module that a job is in, by name."""
    module = importlib.import_module(job.manifest.entry.partition(":")[0])
    return {found.name: found for found in vars(module).values() if isinstance(found, Job)}


def hooks_of(jobs: Iterable[Job[Any]]) -> list[SessionHook]:
    """Return the hooks of the modules that jobs are in, in the order they stand there."""
    modules = dict.fromkeys(job.manifest.entry.partition(":")[0] for job in jobs)
    found: dict[int, SessionHook] = {}
    for module in map(importlib.import_module, modules):
        hooks = (value for value in vars(module).values() if isinstance(value, SessionHook))
        found.update((id(hook), hook) for hook in hooks)
    return list(found.values())


def in_order(job: Job[Any]) -> list[Job[Any]]:
    """Return the jobs that a job needs, those first that others need, and itself at the end.

    A job that is needed by name and is not in the module is left out: it may have run before.

    Raises:
        JobDefinitionError: They need one another in a circle.
    """
    beside = jobs_beside(job)
    order: dict[str, Job[Any]] = {}
    open_names: list[str] = []

    def visit(current: Job[Any]) -> None:
        if current.name in open_names:
            circle = " > ".join([*open_names, current.name])
            raise JobDefinitionError(f"These jobs need one another: {circle}.")
        if current.name in order:
            return
        open_names.append(current.name)
        for name in current.manifest.needs:
            needed = current.needed.get(name) or beside.get(name)
            if needed is not None:
                visit(needed)
        open_names.pop()
        order[current.name] = current

    visit(job)
    return list(order.values())
