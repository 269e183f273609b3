"""Say what a platform must know of a job: ``python -m scanhub_jobs.describing module:function``.

Code of others is imported for this, which may print, crash or never end: hence a process of its
own. What it says is the last line that is an object of JSON.
"""

import sys

from scanhub_jobs.command_line import EXIT_BAD_INPUT, say
from scanhub_jobs.finding import find_job


def main(arguments: list[str] | None = None) -> int:
    """Describe a job; what keeps it from being imported is told in a sentence."""
    (entry,) = arguments if arguments is not None else sys.argv[1:]
    try:
        manifest = find_job(entry).manifest
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever an import does, it is told
        say(event="error", detail=f"{type(error).__name__}: {error}")
        return EXIT_BAD_INPUT
    say(event="result", manifest=manifest.model_dump(mode="json"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
