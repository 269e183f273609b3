"""When a part is well. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from scanhub_libraries.models.health import HealthPart, HealthState
from scanhub_libraries.wording import counted

LITTLE_BYTES = 5 * 2**30
"""Less free space than this is worth a word [byte]."""
LITTLE_SHARE = 0.1
LATE_S = 3600.0
"""Something that waits longer than this is worth a word [s]."""
BEHIND = 1000
"""A reader of the journal this many events behind is worth a word."""
_ORDER: tuple[HealthState, ...] = ("ok", "warning", "failing")


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """What a queue holds."""

    states: Mapping[str, int] = field(default_factory=dict)
    """How many are in each state."""
    oldest_s: float = 0.0
    """Age of the oldest that has not ended [s]."""
    open: int = 0


@dataclass(frozen=True, slots=True)
class TargetFacts:
    """How sending to a target goes."""

    enabled: bool
    waiting: int = 0
    """Series that wait after an attempt that failed."""
    open: int = 0
    failures: "Failures | None" = None
    """What failed and was not followed by a success."""
    tested: "LastTest | None" = None
    """The last test by hand; None: something was sent since, or nobody tested it."""


@dataclass(frozen=True, slots=True)
class LastTest:
    """What came of a test of the connection."""

    at: datetime
    problem: str
    """What was wrong; empty: nothing."""

    @property
    def state(self) -> HealthState:
        """How bad that is: nothing has failed to be sent yet."""
        return "warning" if self.problem else "ok"

    @property
    def told(self) -> str:
        """What people read."""
        found = self.problem or "images can be sent there."
        return f"Tested {self.at.strftime('%Y-%m-%d %H:%M UTC')}: {found}"


@dataclass(frozen=True, slots=True)
class Failures:
    """Series that failed for good, after the last one that was sent to the target."""

    count: int
    first_at: datetime
    last_error: str
    mended: bool
    """The settings of the target were changed after the last one."""
    last_at: datetime | None = None

    @property
    def state(self) -> HealthState:
        """How bad that is."""
        return "warning" if self.mended else "failing"

    @property
    def told(self) -> str:
        """What people read."""
        series = counted(self.count, "series has", "series have")
        since = self.first_at.strftime("%Y-%m-%d %H:%M UTC")
        told = f"{series} failed since {since}, and none was sent: {self.last_error}"
        return f"{told} The settings were changed since: send again." if self.mended else told


def queue_part(name: str, facts: QueueFacts) -> HealthPart:
    """Return the health of a queue."""
    state: HealthState = "warning" if facts.oldest_s > LATE_S else "ok"
    detail = f"{facts.open} on their way" if facts.open else "Empty"
    if facts.open:
        detail += f", the oldest for {_span(facts.oldest_s)}"
    numbers = {"open": float(facts.open), "oldest_s": facts.oldest_s}
    return HealthPart(kind="queue", name=name, state=state, detail=f"{detail}.", numbers=numbers)


def cases_part(facts: QueueFacts) -> HealthPart:
    """Return the health of the cases: nothing becomes of one that failed until somebody decides."""
    part, failed = queue_part("cases", facts), facts.states.get("failed", 0)
    if not failed:
        return part
    told = f"{part.detail} {failed} failed: send again, elsewhere, or discard."
    numbers = {**part.numbers, "failed": float(failed)}
    return part.model_copy(update={"state": "warning", "detail": told, "numbers": numbers})


def _span(seconds: float) -> str:
    """Return a time as people tell it: the oldest of a queue may have waited for days."""
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def target_part(name: str, facts: TargetFacts) -> HealthPart:
    """Return the health of a target."""
    numbers = {"open": float(facts.open), "waiting": float(facts.waiting)}
    if not facts.enabled:
        return HealthPart(
            kind="target", name=name, state="ok", detail="Switched off.", numbers=numbers
        )
    state, detail = _sending(facts)
    for found in (facts.tested, facts.failures):
        if found is not None:
            state = max(state, found.state, key=_ORDER.index)
            detail += f" {found.told}"
    if facts.failures is not None:
        numbers["failed"] = float(facts.failures.count)
    return HealthPart(kind="target", name=name, state=state, detail=detail, numbers=numbers)


def _sending(facts: TargetFacts) -> tuple[HealthState, str]:
    """Return how it goes with what is on its way, in words too."""
    if not facts.waiting:
        return "ok", f"{facts.open} series on their way." if facts.open else "Nothing to send."
    wait = "waits" if facts.waiting == 1 else "wait"
    told = f"{facts.waiting} of {facts.open} series {wait} for another attempt."
    return "failing" if facts.waiting == facts.open else "warning", told


def disk_part(
    name: str, *, free: int, total: int, least: int, missing: int = 0, unrestored: str = ""
) -> HealthPart:
    """Return the health of a disk.

    Args:
        name: What is on it.
        free: Free space [byte].
        total: Size [byte].
        least: With less than this nothing is received any more [byte].
        missing: What should be free and cannot be, because nothing more may be removed [byte].
        unrestored: Why images that a power cut took are not restored; empty: all are.
    """
    state: HealthState = "ok"
    if free < least:
        state = "failing"
    elif free < max(2 * least, min(LITTLE_BYTES, LITTLE_SHARE * total)):
        state = "warning"
    detail = f"{free / 2**30:.1f} of {total / 2**30:.1f} GiB free."
    if missing:
        state = max(state, "warning", key=_ORDER.index)
        detail += f" {missing / 2**30:.1f} GiB more should be: nothing more may be removed."
    if unrestored:
        state = "failing"
        detail += (
            f" Images that a power cut took cannot be restored yet: {unrestored}. Their copies are "
            "kept, and it is tried again each minute."
        )
    numbers = {"free_bytes": float(free), "total_bytes": float(total)}
    return HealthPart(kind="disk", name=name, state=state, detail=detail, numbers=numbers)


def listener_part(port: int | None, *, wanted: bool, elsewhere: Sequence[str] = ()) -> HealthPart:
    """Return the health of the DICOM listener.

    Args:
        port: Where this process listens.
        wanted: Whether it should.
        elsewhere: Other processes that receive and live.
    """
    if not wanted and elsewhere:
        detail = f"Listens in a process of its own: {', '.join(elsewhere)}."
        return HealthPart(kind="listener", name="DICOM", state="ok", detail=detail)
    if not wanted:
        return HealthPart(kind="listener", name="DICOM", state="ok", detail="There is none.")
    if port is None:
        return HealthPart(
            kind="listener", name="DICOM", state="failing", detail="It does not listen."
        )
    return HealthPart(kind="listener", name="DICOM", state="ok", detail=f"Listens on port {port}.")


def reader_part(name: str, behind: int) -> HealthPart:
    """Return the health of a reader of the journal."""
    return HealthPart(
        kind="journal",
        name=name,
        state="warning" if behind > BEHIND else "ok",
        detail=f"{counted(behind, 'event')} behind." if behind else "Has read all of it.",
        numbers={"behind": float(behind)},
    )


def worst(parts: Iterable[HealthPart]) -> HealthState:
    """Return the state of the worst part."""
    return max((part.state for part in parts), key=_ORDER.index, default="ok")
