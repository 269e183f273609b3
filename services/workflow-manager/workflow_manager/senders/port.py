"""What a sender is: it brings instances to a place, and says of each what became of it."""

import asyncio
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol
from uuid import UUID

from scanhub_libraries.models import TargetStep


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
    stop: threading.Event = field(default_factory=threading.Event)
    """Somebody wants it to end: looked at between two instances."""

    @property
    def error(self) -> str | None:
        """One sentence for a person; None when all went well."""
        if not self.failed:
            return None
        reasons = sorted(set(self.failed.values()))
        more = f" (and {len(reasons) - 1} other reasons)" if len(reasons) > 1 else ""
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

    One for each target and process; several that send there share it.
    """

    def __init__(self, bytes_per_s: int | None) -> None:
        self._bytes_per_s = bytes_per_s
        self._free_at = 0.0
        self._lock = threading.Lock()

    def delay_s(self, size: int) -> float:
        """Take a turn for so many bytes; return how long to wait before [s]."""
        if self._bytes_per_s is None:
            return 0.0
        with self._lock:
            now = time.monotonic()
            start = max(now, self._free_at)
            self._free_at = start + size / self._bytes_per_s
            return start - now

    async def wait(self, size: int) -> None:
        """Wait for a turn."""
        if (delay_s := self.delay_s(size)) > 0:
            await asyncio.sleep(delay_s)

    def wait_in_thread(self, size: int, stop: threading.Event) -> None:
        """Wait for a turn, or until it is to end; in a thread."""
        if (delay_s := self.delay_s(size)) > 0:
            stop.wait(delay_s)


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
