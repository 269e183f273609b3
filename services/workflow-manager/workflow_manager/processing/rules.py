"""What modules get, what their answers mean, and where images go then. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from scanhub_libraries.errors import ForbiddenError
from scanhub_libraries.models import RuleOptions, UserRole
from scanhub_libraries.models.routing_rule import ReviewGate
from scanhub_libraries.security.principal import Principal

NOTIFICATION, ROUTING = "__mercure_notification", "__mercure_routing"
"""Keys of result.json that are for us, as mercure has them."""
_LONGEST_TEXT = 2000
SOURCE = "processing:"
"""How the source of images begins that a module made: the id of the run follows."""


class RunState(StrEnum):
    """State of a run of modules."""

    QUEUED = "queued"
    RUNNING = "running"
    REVIEW = "review"
    """Its modules have ended; a person decides whether what they made is sent."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    REJECTED = "rejected"
    """By the review."""
    TIMED_OUT = "timed_out"
    """A module took longer than it may, or the run was not done by its deadline."""


class StepState(StrEnum):
    """State of one module of a run."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    REUSED = "reused"
    """An earlier run did it; this one goes on from there."""
    SKIPPED = "skipped"
    """A job that was not wanted here: as if the step were not there."""
    TIMED_OUT = "timed_out"
    BLOCKED = "blocked"
    """A job that it needs did not succeed."""


class ReviewState(StrEnum):
    """State of a review."""

    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"
    CANCELED = "canceled"
    """The run was stopped before anybody decided."""


MOVING = (RunState.QUEUED, RunState.RUNNING)
OPEN = (*MOVING, RunState.REVIEW)
ENDED_BADLY = (RunState.FAILED, RunState.CANCELED, RunState.REJECTED, RunState.TIMED_OUT)
DONE = frozenset({StepState.SUCCEEDED, StepState.REUSED, StepState.SKIPPED})


def settings_of(
    module: Mapping[str, Any], rule: Mapping[str, Any] | Sequence[Mapping[str, Any]], position: int
) -> dict[str, Any]:
    """Return the settings of a step: those of the module, overlaid by those of the rule.

    Args:
        module: Settings of the module.
        rule: Of the rule: for all steps, or one for each.
        position: Number of the step, from 1.
    """
    if isinstance(rule, Mapping):
        return {**module, **rule}
    return {**module, **(rule[position - 1] if position <= len(rule) else {})}


def source_of(run_id: str) -> str:
    """Return the source of the images of a run."""
    return f"{SOURCE}{run_id}"


def details_of(outputs: Sequence[tuple[str, Any]]) -> tuple[str, bool]:
    """Return what modules have to say, a line each, and whether one asks that it be told."""
    lines, requested = [], False
    for module, output in outputs:
        asked = output.get(NOTIFICATION) if isinstance(output, Mapping) else None
        if not isinstance(asked, Mapping):
            continue
        text = asked.get("text")
        if isinstance(text, str) and text:
            lines.append(f"{module}: {text[:_LONGEST_TEXT]}")
        requested = requested or asked.get("requested") is True
    return "\n".join(lines), requested


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the images of a run go."""

    targets: tuple[str, ...]
    reason: str = ""
    """Why there, if it is not just what the rule says."""


def destination(rule: RuleOptions, output: Any, known: Collection[str]) -> Destination:
    """Say where images go: the rule decides, or the last module where the rule lets it.

    Targets that a module names must all be known and, if the rule lists those that are allowed, be
    on its list; else the rule decides. A module that names targets does not get the other one.

    Args:
        rule: The rule of the case.
        output: result.json of the last module.
        known: Targets that can be sent to.
    """
    static = tuple(rule.target) if rule.action.value == "both" else ()
    wish = output.get(ROUTING) if isinstance(output, Mapping) else None
    if not isinstance(wish, Mapping):
        return Destination(static)
    if not rule.dynamic_routing:
        return Destination(static, "The module may not choose targets: the rule does not let it.")
    if wish.get("discard") is True:
        return Destination((), "The module says that nothing is to be sent.")
    if wish.get("target"):
        return _named(rule, wish["target"], known, static)
    if wish.get("use_alternate_target") is True:
        return _alternate(rule, known, static)
    return Destination(static)


def _named(
    rule: RuleOptions, wanted: Any, known: Collection[str], static: tuple[str, ...]
) -> Destination:
    names = [wanted] if isinstance(wanted, str) else wanted
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return Destination(static, "The module names no targets in a way that can be read.")
    allowed = rule.dynamic_routing_allowed_targets
    for name in names:
        if name not in known:
            return Destination(static, f"The module names target {name[:100]!r}: there is none.")
        if allowed and name not in allowed:
            return Destination(
                static, f"The module names target {name[:100]!r}: the rule does not allow it."
            )
    return Destination(tuple(dict.fromkeys(names)), "The module chose the targets.")


def _alternate(rule: RuleOptions, known: Collection[str], static: tuple[str, ...]) -> Destination:
    name = rule.conditional_alternate_target
    if not name:
        return Destination(static, "The module asks for the alternate target: the rule has none.")
    if name not in known:
        return Destination(static, f"There is no alternate target {name[:100]!r}.")
    return Destination((name,), "The module asked for the alternate target.")


def failure(
    *, exit_code: int, timed_out: bool, timeout_s: float, problem: str, last_line: str
) -> str:
    """Say why a module failed; empty: it did not.

    Args:
        exit_code: Its exit code; below 0: the signal that ended it.
        timed_out: Its time was over.
        timeout_s: How long it had [s].
        problem: Why it did not begin.
        last_line: What it said last.
    """
    said = f" Its last words: {last_line[:300]}" if last_line else ""
    if problem:
        return problem + said
    if timed_out:
        return f"It was killed: it took longer than {timeout_s:g} s.{said}"
    if exit_code in {137, -9}:
        return f"It was killed by the system, most likely because its memory ran out.{said}"
    return f"It ended with exit code {exit_code}.{said}" if exit_code else ""


def unknown_modules(rule: RuleOptions, modules: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield what speaks against storing a rule that processes: the option, and why.

    Args:
        rule: The rule.
        modules: Names of the modules that there are.
    """
    for name in rule.processing_module:
        if name not in modules:
            yield "processing_module", f"There is no module {name!r}."


def gate_before(rule: RuleOptions, position: int) -> ReviewGate | None:
    """Return the gate before a step, from 1; None: there is none."""
    return next((gate for gate in rule.processing_gates if gate.after == position - 1), None)


def misplaced_gates(rule: RuleOptions) -> Iterator[tuple[str, str]]:
    """Yield what speaks against storing a rule with gates: the option, and why."""
    last, seen = len(rule.processing_module), set[int]()
    for gate in rule.processing_gates:
        if gate.after >= last:
            why = f"No module follows module {gate.after}. Behind the last one: processing_review."
            yield "processing_gates", why
        elif gate.after in seen:
            yield "processing_gates", f"Two gates stand behind module {gate.after}."
        seen.add(gate.after)


def check_reviewer(principal: Principal, role: str) -> None:
    """Let a person decide who has the role that the rule asks for, or is an administrator.

    Raises:
        ForbiddenError: Somebody else has to.
    """
    if not principal.is_user or principal.role not in {UserRole.ADMIN, UserRole(role)}:
        raise ForbiddenError(f"The rule asks for a review by somebody whose role is {role}.")


def overdue_words(deadline_at: datetime | None) -> str:
    """Say that the modules of a case were not done in time; empty: they have no deadline."""
    if deadline_at is None:
        return ""
    return f"The modules were not done by their deadline, {deadline_at:%Y-%m-%d %H:%M:%S} UTC."


def waits_for_review(role: str, due_at: datetime | None, at_deadline: str, step: str = "") -> str:
    """Say what a run waits for; `step` is the one behind which it does, empty: the last."""
    of = f" of {step}" if step else ""
    reason = f"Waits for a review{of} by somebody whose role is {role}"
    if due_at is None:
        return f"{reason}."
    then = {"reject": "it is rejected then", "approve": "it is approved then"}
    more = f" ({then[at_deadline]})" if at_deadline in then else ""
    return f"{reason}, until {due_at:%Y-%m-%d %H:%M:%S} UTC{more}."
