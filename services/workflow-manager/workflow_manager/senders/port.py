"""What a sender is: it brings instances to a place, and says of each what became of it."""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable
from uuid import UUID

from scanhub_libraries.models import TargetStep
from scanhub_libraries.wording import counted

_LEAST_AT_ONCE = 4096
_TURNS_PER_S = 4


class Item(NamedTuple):
    """An instance to send."""

    sop_instance_uid: str
    path: Path

    @property
    def name(self) -> str:
        """Name of the file where files are delivered."""
        return f"{self.sop_instance_uid}.dcm"


@dataclass(frozen=True, slots=True)
class Shipment:
    """Instances of one series on their way to one target."""

    id: UUID
    """The same for every attempt, so that a place made of it is the same too."""
    items: Sequence[Item]
    study_instance_uid: str = ""
    series_instance_uid: str = ""
    patient_id: str = ""
    study_date: str = ""
    sender_address: str = ""
    """Host that the images came from; empty: not known."""
    sender_aet: str = ""
    receiver_aet: str = ""


@dataclass(slots=True)
class SendReport:
    """What became of every instance; filled while they are sent, maybe by another thread."""

    sent: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    """SOP Instance UID and reason."""
    transcoded: dict[str, str] = field(default_factory=dict)
    """SOP Instance UID and Transfer Syntax UID of what was not sent as it is stored."""
    noted: int = 0
    """So many of `sent` are in the database."""
    stop: threading.Event = field(default_factory=threading.Event)
    """Somebody wants it to end: looked at between two instances, and amid a long one."""
    confirmed_within_s: float | None = None
    """The node was asked to confirm what it keeps, and may take so long [s]."""

    @property
    def error(self) -> str | None:
        """One sentence for a person; None when all went well."""
        if not self.failed:
            return None
        reasons = sorted(set(self.failed.values()))
        more = f" (and {counted(len(reasons) - 1, 'other reason')})" if len(reasons) > 1 else ""
        total = len(self.failed) + len(self.sent)
        return f"{len(self.failed)} of {total} not sent: {reasons[0]}{more}"

    def fail_rest(self, items: Sequence[Item], reason: str) -> None:
        """Note a reason for all that has neither been sent nor failed."""
        done = {*self.sent, *self.failed}
        for item in items:
            if item.sop_instance_uid not in done:
                self.failed[item.sop_instance_uid] = reason


class Pace:
    """Holds a bandwidth limit on the average: whoever sends waits until its turn has come.

    One for each target and process; several that send there share it. What several processes send
    to one target is shared out among them, see `take_share`.

    Args:
        bytes_per_s: The limit [byte/s]; None: there is none.
        clock: Tells the time [s].
    """

    def __init__(
        self, bytes_per_s: int | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._bytes_per_s = bytes_per_s
        self._clock = clock
        self._share = 1.0
        self._free_at = 0.0
        self._lock = threading.Lock()

    @property
    def is_limited(self) -> bool:
        """Say whether there is a limit at all."""
        return self._bytes_per_s is not None

    def take_share(self, here: int, everywhere: int) -> None:
        """Use as much of the limit as is sent from here.

        Args:
            here: Series that this process sends to the target, this one included.
            everywhere: Series that all processes send there.
        """
        self._share = here / max(1, here, everywhere)

    def delay_s(self, size: int) -> float:
        """Take a turn for so many bytes; return how long to wait before [s]."""
        if self._bytes_per_s is None:
            return 0.0
        with self._lock:
            now = self._clock()
            start = max(now, self._free_at)
            self._free_at = start + size / (self._bytes_per_s * self._share)
            return start - now

    def at_once(self, most: int) -> int:
        """Return how many bytes to send in one turn: less than a second's worth, an even number."""
        if self._bytes_per_s is None:
            return most
        in_a_turn = int(self._bytes_per_s * self._share / _TURNS_PER_S)
        return min(most, max(_LEAST_AT_ONCE, in_a_turn)) & ~1

    async def wait(self, size: int) -> None:
        """Wait for a turn."""
        if (delay_s := self.delay_s(size)) > 0:
            await asyncio.sleep(delay_s)

    def wait_in_thread(self, size: int, stop: threading.Event) -> None:
        """Wait for a turn, or until it is to end; in a thread."""
        if (delay_s := self.delay_s(size)) > 0:
            stop.wait(delay_s)


@dataclass(frozen=True, slots=True)
class CommitmentReport:
    """What a node says of a request for storage commitment (PS3.4 Annex J)."""

    transaction_uid: str
    committed: Sequence[str]
    failed: Mapping[str, str] = field(default_factory=dict)
    """SOP Instance UID and reason."""


@dataclass(frozen=True, slots=True)
class CommitmentAnswer:
    """What came of a request for storage commitment."""

    problem: str | None = None
    """Why the node does not deal with it; none: it will report."""
    report: CommitmentReport | None = None
    """What it said at once."""


@runtime_checkable
class Committing(Protocol):
    """A sender whose node may be asked to confirm that it keeps what it took."""

    @property
    def commits_within_s(self) -> float | None:
        """How long the node may take to confirm [s]; none: it is not asked."""
        ...

    async def commit(
        self, shipment: Shipment, transaction_uid: str, references: Sequence[tuple[str, str]]
    ) -> CommitmentAnswer:
        """Ask for it.

        Args:
            shipment: What was sent.
            transaction_uid: Identity of the request.
            references: SOP Class UID and SOP Instance UID of each instance.
        """
        ...


class Sender(Protocol):
    """Brings instances to one target."""

    @property
    def whole(self) -> bool:
        """All or nothing: every attempt sends the whole series."""
        ...

    async def send(self, shipment: Shipment, report: SendReport) -> None:
        """Send instances; the report says of each whether it is there, and if not, why.

        Sending what is there already must be harmless.
        """
        ...

    async def test(self) -> list[TargetStep]:
        """Try the connection step by step; the last step is the one that failed, if one did."""
        ...
