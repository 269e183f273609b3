"""Hooks of sessions, and how long is kept what the jobs of one left.

Hooks are code of packages: a process of their own runs them, which is ended in time. What was done
is on record, so that a step that is repeated after a crash does nothing twice.
"""

import asyncio
import json
from collections.abc import Sequence
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any
from uuid import UUID

from scanhub_jobs.backend import SessionInfo
from scanhub_jobs.hooks import Moment, session_status
from scanhub_jobs.results import JobResult, State
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import reading, transaction
from scanhub_libraries.logging import get_logger
from workflow_manager.job_sessions import repository
from workflow_manager.job_sessions.folders import session_folder
from workflow_manager.job_sessions.models import SessionEnd, SessionHookRow
from workflow_manager.jobs.definitions import JobDefinition
from workflow_manager.programs.job import JobEnd, Place, run_job
from workflow_manager.programs.supervised import Limits
from workflow_manager.wiring import Wiring

logger = get_logger(__name__)
HOOK_S = 60.0
"""How long all hooks of a moment may take together [s]."""
_PROGRAM = "scanhub_jobs.hooking"


async def run_session_hooks(
    wiring: Wiring,
    session: SessionInfo,
    jobs: Sequence[JobDefinition],
    moment: Moment,
    results: Sequence[JobResult] = (),
) -> str:
    """Run the hooks of a moment that were not done yet; return which failed, for a person.

    Args:
        wiring: The database, the files.
        session: Whose hooks they are.
        jobs: Its jobs; their packages have the hooks.
        moment: Which hooks.
        results: How the jobs ended, at the end.
    """
    entries = [job.entry for job in jobs if any(hook.moment == moment for hook in job.hooks)]
    if not entries:
        return ""
    session_id = UUID(session.id)
    async with reading(wiring.sessions) as opened:
        before = await repository.list_hooks(opened, session_id)
    document = {
        "entries": list(dict.fromkeys(entries)),
        "moment": moment.value,
        "session": session.model_dump(mode="json"),
        "results": [result.model_dump(mode="json") for result in results],
        "done": [row.key for row in before if row.done],
    }
    folder = session_folder(wiring.lake.root, session_id) / "hooks"
    path = folder / f"{moment.value}.json"
    await asyncio.to_thread(_write, path, document)
    end = await _run(path.absolute(), (folder, *wiring.settings.module_writes))
    status = session_status(results) if moment is Moment.END else None
    rows = _rows(session_id, moment, status, end)
    async with transaction(wiring.sessions) as opened:
        for row in rows:
            changed = row.model_dump(include={"done", "failure", "ran_at"})
            await repository.put(opened, row, changed)
    bad = [row for row in rows if not row.done]
    for row in bad:
        logger.warning("a hook failed", session_id=session.id, hook=row.name, moment=row.moment)
    return " ".join(_sentence(row) for row in bad)


async def _run(path: Path, writes: Sequence[Path]) -> JobEnd:
    # Nobody stops them: whoever stops a session wants its end to be told.
    never, place = asyncio.Event(), Place(home=path.parent)
    limits = Limits(timeout_s=HOOK_S, writes=writes)
    return await run_job(_PROGRAM, [str(path)], never, limits=limits, place=place)


def _write(path: Path, document: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))


def _rows(
    session_id: UUID, moment: Moment, status: State | None, end: JobEnd
) -> list[SessionHookRow]:
    """Return what became of the hooks; of a process that gave no answer a row of its own."""
    suffix = "" if status is None else f"-{status}"
    if end.failure is not None:
        failure = {"kind": "process", "message": end.failure, "traceback": end.log_tail}
        key = f"{moment}-{suffix}"
        return [
            SessionHookRow(
                session_id=session_id, key=key, name="", moment=moment.value, failure=failure
            )
        ]
    return [
        SessionHookRow(
            session_id=session_id,
            key=f"{moment}-{hook['name']}{suffix}",
            name=str(hook["name"])[:150],
            moment=moment.value,
            done=bool(hook["done"]),
            failure=hook["failure"] or {},
        )
        for hook in end.last.get("hooks", [])
    ]


def _sentence(row: SessionHookRow) -> str:
    named = f"The hook {row.name!r}" if row.name else "The hooks"
    message = str(row.failure.get("message", "")).strip().splitlines()[:1]
    return f"{named} at the {row.moment} of the session failed: {' '.join(message)[:500]}"


async def note_end(
    wiring: Wiring,
    session_id: UUID,
    jobs: Sequence[JobDefinition],
    results: Sequence[JobResult],
) -> None:
    """Note how a session ended, and how long its jobs want to be kept what they left.

    The longest counts; a hold that somebody put on it stays.
    """
    status, now = session_status(results), utc_now()
    kept = reduce(or_, (job.retention for job in jobs)) if jobs else None
    until = kept.until(now, succeeded=status is State.SUCCEEDED) if kept is not None else None
    async with transaction(wiring.sessions) as opened:
        row = await opened.get(SessionEnd, session_id)
        if row is None:
            row = SessionEnd(session_id=session_id, status=status.value, ended_at=now)
            opened.add(row)
        row.status, row.ended_at, row.until = status.value, now, until
        row.hold = row.hold or (kept is not None and kept.hold)
