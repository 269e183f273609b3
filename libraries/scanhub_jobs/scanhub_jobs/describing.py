"""Say what a platform must know of a job: ``python -m scanhub_jobs.describing module:function``.

Code of others is imported for this, which may print, crash or never end: hence a process of its
own. What it says is the last line that is an object of JSON.
"""

import sys

from scanhub_jobs.command_line import EXIT_BAD_INPUT, say
from scanhub_jobs.finding import find_job, hooks_of, in_order


def main(arguments: list[str] | None = None) -> int:
    """Describe a job; what keeps it from being imported is told in a sentence."""
    (entry,) = arguments if arguments is not None else sys.argv[1:]
    try:
        job = find_job(entry)
        manifest, hooks = job.manifest, hooks_of(in_order(job))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever an import does, it is told
        say(event="error", detail=f"{type(error).__name__}: {error}")
        return EXIT_BAD_INPUT
    told = [
        {"name": hook.name, "moment": hook.moment, "statuses": sorted(hook.statuses)}
        for hook in hooks
    ]
    say(event="result", manifest=manifest.model_dump(mode="json"), hooks=told)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
