"""What is to be sent to a node, and how far it is; the same whatever the way is."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from scanhub_jobs.errors import SendError
from scanhub_jobs.network.items import Item, Where, collect
from scanhub_jobs.network.report import InstanceReport, Outcome, SendReport


@dataclass(frozen=True)
class Wish:
    """How somebody wants things sent; see `Peer.send`."""

    where: Where | None = None
    recursive: bool = True
    transcode: bool = False
    retries: int = 2
    backoff_s: float = 1.0


@dataclass
class Shipment:
    """Instances, and what became of each so far."""

    items: Sequence[Item]
    wish: Wish
    reports: dict[int, InstanceReport] = field(default_factory=dict)
    again: set[int] = field(default_factory=set)
    """Those for which another attempt makes sense"""

    def note(
        self,
        number: int,
        outcome: Outcome,
        reason: str = "",
        *,
        again: bool = False,
        **more: Any,
    ) -> None:
        """Note what became of an item; how often it was tried is counted."""
        (self.again.add if again else self.again.discard)(number)
        item, before = self.items[number], self.reports.get(number)
        self.reports[number] = InstanceReport(
            source=item.source,
            sop_instance_uid=item.sop_instance_uid,
            outcome=outcome,
            reason=reason,
            attempts=before.attempts + 1 if before else 1,
            **more,
        )


Attempt = Callable[[Shipment, Sequence[int]], bool]
"""Sends items, by their numbers, and notes what became of each; says whether the node was there."""


def ship(peer: str, things: Any, wish: Wish, attempt: Attempt) -> tuple[Shipment, SendReport]:
    """Send what is meant, try again what may go then, and report.

    Args:
        peer: Name of the node.
        things: See `Peer.send`.
        wish: How.
        attempt: Sends.

    Raises:
        SendError: The node was never there; its report names each instance.
    """
    began, skipped = time.monotonic(), list[str]()
    collected = collect(things, where=wish.where, recursive=wish.recursive, skipped=skipped)
    shipment = Shipment(collected, wish)
    waiting = []
    for number, item in enumerate(collected):
        if item.trouble:
            shipment.note(number, Outcome.FAILED, item.trouble)
        else:
            waiting.append(number)
    reached = not waiting
    for repetition in range(wish.retries + 1):
        if repetition and waiting:
            time.sleep(wish.backoff_s * 2 ** (repetition - 1))
        if waiting:
            reached = attempt(shipment, waiting) or reached
        waiting = [number for number in waiting if number in shipment.again]
    report = SendReport(
        peer=peer,
        instances=[shipment.reports[number] for number in range(len(collected))],
        skipped=skipped,
        elapsed_s=time.monotonic() - began,
    )
    if not reached:
        reasons = [r.reason for r in report.instances if r.outcome is Outcome.FAILED]
        raise SendError(f"Nothing was sent: {reasons[-1]}", report)
    return shipment, report
