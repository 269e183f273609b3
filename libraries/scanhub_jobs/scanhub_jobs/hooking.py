"""Run the hooks of a session for a platform: ``python -m scanhub_jobs.hooking DOCUMENT.json``.

Hooks are code of others: they run in a process of their own, which the platform ends in time. What
was done before is on the platform's record; what is done now is said in one line of JSON.
"""

import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from scanhub_jobs.backend import Document, SessionInfo
from scanhub_jobs.command_line import EXIT_BAD_INPUT, say
from scanhub_jobs.finding import find_job, hooks_of, in_order
from scanhub_jobs.hooks import Moment, SessionContext, run_hooks
from scanhub_jobs.results import JobResult, failure_of


class Hooking(Document):
    """What is to run."""

    entries: list[str]
    """Jobs of the session, as module:function; their modules have the hooks."""
    moment: Moment
    session: SessionInfo
    results: list[JobResult] = []
    done: list[str] = []
    """Keys of what was done before."""


class Noted:
    """A HookRecord in memory."""

    def __init__(self, done: Sequence[str]) -> None:
        self._before = frozenset(done)
        self.news: list[str] = []

    def has(self, key: str) -> bool:
        """Say whether that was done."""
        return key in self._before or key in self.news

    def note(self, key: str) -> None:
        """Note that it was."""
        self.news.append(key)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the hooks of a document; the exit code says only whether they could be found."""
    (path,) = arguments if arguments is not None else sys.argv[1:]
    wanted = Hooking.model_validate_json(Path(path).read_bytes())
    try:
        jobs = [job for entry in wanted.entries for job in in_order(find_job(entry))]
        hooks = hooks_of(jobs)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - importing runs what others wrote
        sys.stderr.write(failure_of(error).traceback)
        say(event="error", detail=f"{type(error).__name__}: {error}")
        return EXIT_BAD_INPUT
    record = Noted(wanted.done)
    context = SessionContext(wanted.session, wanted.results, _logger())
    found = run_hooks(hooks, wanted.moment, context, record)
    for hook in found:
        if hook.failure is not None:
            sys.stderr.write(hook.failure.traceback)
    say(
        event="result",
        hooks=[json.loads(hook.model_dump_json()) for hook in found],
        done=record.news,
    )
    return 0


def _logger() -> logging.Logger:
    logger = logging.Logger("scanhub_jobs.session", logging.DEBUG)  # noqa: LOG001 - of this alone
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logger.addHandler(handler)
    return logger


if __name__ == "__main__":
    raise SystemExit(main())
