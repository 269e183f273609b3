"""Jobs of packages that are installed beside the platform: entry points of `scanhub.jobs`.

They are imported in processes of their own, never here: one that is broken breaks nothing else.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from pydantic import TypeAdapter, ValidationError

from scanhub_jobs.backend import Reads
from scanhub_jobs.declaring import JobManifest
from scanhub_libraries.logging import get_logger
from scanhub_libraries.models.job import JobData, JobInput
from workflow_manager.jobs.definitions import HookInfo, JobDefinition
from workflow_manager.programs.job import run_job

logger = get_logger(__name__)
GROUP = "scanhub.jobs"
_HOOKS = TypeAdapter(tuple[HookInfo, ...])
_IMPORT_S = 60.0
"""How long a job may take to be imported [s]."""
_AT_ONCE = 2
_MOST_INPUTS = 16
_READS = {Reads.IMAGES: JobData.IMAGES, Reads.RAW_DATA: JobData.RAW_DATA}
_MAKES = (JobData.IMAGES, JobData.REPORT, JobData.FILES)


@dataclass(frozen=True, slots=True)
class Found:
    """An entry point that is installed."""

    name: str
    entry: str
    """`module:function`."""
    package: str
    """Name and version."""


def installed() -> list[Found]:
    """Return the entry points that are installed now; blocking, imports nothing."""
    return sorted(map(_found, entry_points(group=GROUP)), key=lambda f: (f.name, f.package))


def _found(point: EntryPoint) -> Found:
    package = f"{point.dist.name} {point.dist.version}" if point.dist else ""
    return Found(point.name, f"{point.module}:{point.attr}", package)


class EntryPointJobs:
    """The jobs of entry points; each version of a package is asked once."""

    def __init__(self) -> None:
        self._known: dict[Found, JobDefinition] = {}
        self._asking = asyncio.Lock()

    async def list_jobs(self) -> list[JobDefinition]:
        """Return all of them, also those that cannot run, which say why."""
        found = await asyncio.to_thread(installed)
        async with self._asking:
            await self._ask([one for one in found if one not in self._known])
            self._known = {one: self._known[one] for one in found}
        return [self._known[one] for one in found]

    async def named(self, name: str) -> list[JobDefinition]:
        """Return those of a name, and import no other."""
        found = [one for one in await asyncio.to_thread(installed) if one.name == name]
        async with self._asking:
            await self._ask([one for one in found if one not in self._known])
        return [self._known[one] for one in found]

    async def _ask(self, news: Iterable[Found]) -> None:
        places = asyncio.Semaphore(_AT_ONCE)

        async def ask(one: Found) -> None:
            async with places:
                self._known[one] = await describe(one)

        await asyncio.gather(*map(ask, news))


async def describe(found: Found) -> JobDefinition:
    """Ask a process of its own what a job is; what is wrong with it stands in `problem`."""
    try:
        async with asyncio.timeout(_IMPORT_S):
            end = await run_job("scanhub_jobs.describing", [found.entry], asyncio.Event())
    except TimeoutError:
        return _broken(found, f"Its import did not end within {_IMPORT_S:g} s.")
    if end.failure is not None:
        return _broken(found, f"It cannot be imported: {end.failure}")
    try:
        manifest = JobManifest.model_validate(end.last.get("manifest"))
        hooks = _HOOKS.validate_python(end.last.get("hooks", []))
    except ValidationError:
        return _broken(found, "It printed something else than what it is.")
    if manifest.name != found.name:
        return _broken(
            found,
            f"Its entry point is called {found.name!r}, and the job {manifest.name!r}: give both "
            "the same name.",
        )
    return JobDefinition(
        id=manifest.name,
        name=manifest.name,
        source="entry point",
        version=manifest.version,
        description=manifest.description,
        parameters=manifest.parameters,
        inputs=(JobInput(kinds=[_READS[manifest.reads]], most=_MOST_INPUTS),),
        outputs=_MAKES,
        events=tuple(event.value for event in manifest.events),
        needs=tuple(manifest.needs),
        timeout_s=manifest.timeout_s,
        retries=manifest.retries,
        gpus=manifest.gpus,
        hooks=hooks,
        retention=manifest.retention,
        entry=found.entry,
        package=found.package,
    )


def _broken(found: Found, problem: str) -> JobDefinition:
    logger.warning("a job cannot be used", job=found.name, package=found.package, reason=problem)
    return JobDefinition(
        id=found.name,
        name=found.name,
        source="entry point",
        entry=found.entry,
        package=found.package,
        problem=problem,
    )
