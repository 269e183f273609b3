"""Whether jobs of the SDK fit into the chain of a rule. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from scanhub_libraries.models import RuleOptions
from workflow_manager.jobs.definitions import JobDefinition
from workflow_manager.jobs.parameters import problems_of
from workflow_manager.processing.rules import settings_of

_OPTION = "processing_module"
_SERIES = "stable-series"


def chain_problems(
    rule: RuleOptions,
    modules: Mapping[str, Mapping[str, Any]],
    jobs: Mapping[str, JobDefinition],
) -> Iterator[tuple[str, str]]:
    """Yield what speaks against storing a rule: the option, and why.

    A job that is not installed is told by the module; it is no reason to refuse the rule.

    Args:
        rule: The rule.
        modules: Documents of the modules, by name.
        jobs: The jobs of the installation, by id.
    """
    before: set[str] = set()
    for position, name in enumerate(rule.processing_module, 1):
        document = modules.get(name, {})
        job = jobs.get(document.get("job", "")) if document.get("runner") == "job" else None
        if job is None or job.problem:
            continue
        for needed in job.needs:
            if needed not in before:
                yield (
                    _OPTION,
                    f"The job {job.id!r} needs {needed!r}, which does not come before it.",
                )
        if rule.action_trigger == "series" and _SERIES not in job.events:
            for_what = ", ".join(job.events)
            yield _OPTION, f"The job {job.id!r} is for {for_what}, and the rule for each series."
        settings = settings_of(document.get("settings", {}), rule.processing_settings, position)
        for field, why in problems_of(job.parameters, settings):
            where = f"processing_settings.{field}" if field else "processing_settings"
            yield where, f"Module {name!r}: {why}."
        before.add(job.id)
