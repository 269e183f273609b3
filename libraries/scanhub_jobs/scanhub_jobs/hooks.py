"""Code before the first job of a session and after its last one.

A hook runs once a session, however often it is called: what was done is on record. One that fails
is told beside the results of the jobs, never in place of them.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, overload

from pydantic import BaseModel

from scanhub_jobs.backend import SessionInfo
from scanhub_jobs.errors import JobDefinitionError
from scanhub_jobs.results import JobFailure, JobResult, State, failure_of

_WORST_FIRST = (State.FAILED, State.TIMED_OUT, State.CANCELLED, State.BLOCKED)


class Moment(StrEnum):
    """When a hook runs."""

    START = "start"
    END = "end"


@dataclass(frozen=True)
class SessionContext:
    """What a hook may know."""

    session: SessionInfo
    results: Sequence[JobResult] = ()
    """How the jobs ended; nothing at the start"""
    log: logging.Logger = field(default=logging.getLogger("scanhub_jobs.session"))


Hook = Callable[..., Any]


class SessionHook:
    """A declared hook. It can be called as the function it was made of."""

    def __init__(self, function: Hook, moment: Moment, statuses: frozenset[State]) -> None:
        self._function = function
        self.name = function.__name__
        self.moment = moment
        self.statuses = statuses
        """Ends that it runs after; empty: all"""
        self.__doc__ = function.__doc__

    def __call__(self, *arguments: Any) -> Any:
        """Call the function."""
        return self._function(*arguments)

    def __repr__(self) -> str:
        return f"<SessionHook {self.name} at the {self.moment}>"

    def wanted(self, moment: Moment, status: State | None) -> bool:
        """Say whether it runs now."""
        return self.moment is moment and (not self.statuses or status in self.statuses)


def on_session_start(function: Hook) -> SessionHook:
    """Declare a function to run before the first job of a session.

    It is given a `SessionContext`. When it raises, no job of the session runs.
    """
    return SessionHook(function, Moment.START, frozenset())


@overload
def on_session_end(first: Hook) -> SessionHook: ...
@overload
def on_session_end(
    first: State | str | None = None, *others: State | str
) -> Callable[[Hook], SessionHook]: ...
def on_session_end(
    first: Hook | State | str | None = None, *others: State | str
) -> SessionHook | Callable[[Hook], SessionHook]:
    """Declare a function to run after the last job of a session.

    It is given a `SessionContext` and the status: `succeeded` when all jobs succeeded or were
    skipped, else the worst of their ends. When it raises, the results stay what they are.

    Args:
        first: A status after which it runs, or the function itself: it then runs after each.
        others: Further statuses.

    Raises:
        JobDefinitionError: One is no status.
    """
    if callable(first):
        return SessionHook(first, Moment.END, frozenset())
    try:
        statuses = frozenset(State(s) for s in (first, *others) if s is not None)
    except ValueError as error:
        raise JobDefinitionError(
            f"{error}: a session ends as one of {', '.join(State)}."
        ) from error
    return lambda function: SessionHook(function, Moment.END, statuses)


class HookResult(BaseModel):
    """What became of a hook."""

    name: str
    moment: Moment
    done: bool
    failure: JobFailure | None = None


class HookRecord(Protocol):
    """Where is noted what was done; a platform keeps it with the session."""

    def has(self, key: str) -> bool:
        """Say whether that was done."""

    def note(self, key: str) -> None:
        """Note that it was."""


def session_status(results: Iterable[JobResult]) -> State:
    """Return how a session ended: the worst of the ends of its jobs, `succeeded` without one."""
    states = {result.state for result in results}
    return next((state for state in _WORST_FIRST if state in states), State.SUCCEEDED)


def run_hooks(
    hooks: Iterable[SessionHook], moment: Moment, context: SessionContext, record: HookRecord
) -> list[HookResult]:
    """Run the hooks of a moment that have not run, in their order; nothing is raised.

    One that fails is tried again when it is called again, and does not keep the others.
    """
    status = session_status(context.results) if moment is Moment.END else None
    arguments = (context,) if status is None else (context, status)
    found = []
    for hook in hooks:
        key = "-".join(filter(None, (moment, hook.name, status)))
        if not hook.wanted(moment, status) or record.has(key):
            continue
        try:
            hook(*arguments)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever others wrote
            failure = failure_of(error)
            found.append(HookResult(name=hook.name, moment=moment, done=False, failure=failure))
        else:
            record.note(key)
            found.append(HookResult(name=hook.name, moment=moment, done=True))
    return found
