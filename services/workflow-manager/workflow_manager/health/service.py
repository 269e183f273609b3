"""Looks at the parts of the service, and measures them. Nothing here names a patient."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import reading
from scanhub_libraries.loop_lag import LoopLag
from scanhub_libraries.measures import Measure
from scanhub_libraries.models.health import HealthDetail
from workflow_manager.backups.desk import BackupDesk
from workflow_manager.cleaner.cleaning import Cleaner
from workflow_manager.dicom.node import DicomNode
from workflow_manager.health import repository
from workflow_manager.health.ended import EndedCounts
from workflow_manager.health.rules import (
    QueueFacts,
    TargetFacts,
    cases_part,
    disk_part,
    listener_part,
    queue_part,
    reader_part,
    target_part,
    worst,
)
from workflow_manager.health.sharing import (
    Sharing,
    look_at_sharing,
    sharing_measures,
    sharing_parts,
)
from workflow_manager.room import look
from workflow_manager.wiring import Wiring

_FRESH_S = 2.0
"""Whoever looks more often sees the same: looking must cost little."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What there is to see."""

    queues: Mapping[str, QueueFacts]
    targets: Mapping[str, TargetFacts]
    incomplete: QueueFacts
    newest: int
    behind: Mapping[str, int]
    free: int
    total: int
    port: int | None
    containers: bool | None
    """Modules need containers; None: there are no modules."""
    shared: Sharing


class Health:
    """The health of the running service.

    Args:
        wiring: What it works with.
        node: The DICOM node.
        cleaner: What frees the disk.
        backups: What makes backups by request.
        lag: How late the event loop is.
    """

    def __init__(
        self,
        wiring: Wiring,
        node: DicomNode,
        cleaner: Cleaner,
        backups: BackupDesk,
        lag: LoopLag,
    ) -> None:
        self._wiring = wiring
        self._lag = lag
        self._backups = backups
        self._cleaner = cleaner
        self._node = node
        self._looking = asyncio.Lock()
        self._ended = EndedCounts()
        self._seen: tuple[float, object, Facts] | None = None

    async def look(self) -> Facts:
        """Look at everything, or remember what was seen a moment ago.

        Whoever changed or tested a target looks at once what came of that, and does not look again.
        """
        async with self._looking:
            async with reading(self._wiring.sessions) as session:
                targets = await repository.state_of_targets(session)
            seen = self._seen
            if seen is None or time.monotonic() - seen[0] > _FRESH_S or seen[1] != targets:
                self._seen = seen = (time.monotonic(), targets, await self._look())
            return seen[2]

    async def _look(self) -> Facts:
        room = await asyncio.to_thread(look, self._wiring.lake.root)
        now = utc_now()
        shared = await look_at_sharing(self._wiring)
        async with reading(self._wiring.sessions) as session:
            newest, behind = await repository.journal(session)
            return Facts(
                queues=await repository.queues(session, now, self._ended),
                targets=await repository.targets(session),
                incomplete=await repository.incomplete_series(session, now),
                newest=newest,
                behind=behind,
                free=room.free,
                total=room.total,
                port=self._node.port,
                containers=await repository.needs_containers(session),
                shared=shared,
            )

    async def detail(self) -> HealthDetail:
        """Return the state of every part."""
        facts, settings = await self.look(), self._wiring.settings
        parts = [
            queue_part("series", facts.incomplete),
            *(
                cases_part(queue) if name == "cases" else queue_part(name, queue)
                for name, queue in facts.queues.items()
            ),
            *(target_part(name, target) for name, target in facts.targets.items()),
            listener_part(
                facts.port,
                wanted=settings.dicom_port is not None,
                elsewhere=facts.shared.receivers,
            ),
            disk_part(
                "images",
                free=facts.free,
                total=facts.total,
                least=settings.dicom_min_free_bytes,
                missing=self._cleaner.missing,
                unrestored=next(iter(self._node.leftovers.unrestored.values()), ""),
            ),
            *(reader_part(name, behind) for name, behind in facts.behind.items()),
            *sharing_parts(facts.shared),
        ]
        if facts.containers is not None:
            runners = self._wiring.runners
            parts.append(await runners.health(containers=facts.containers))
        return HealthDetail(state=worst(parts), parts=parts)

    async def measure(self) -> Iterable[Measure]:
        """Return what Prometheus is told."""
        facts = await self.look()
        oldest = {name: queue.oldest_s for name, queue in facts.queues.items()}
        oldest["series"] = facts.incomplete.oldest_s
        return [
            *(
                Measure(f"scanhub_{name}", f"{name} by state", queue.states, label="state")
                for name, queue in facts.queues.items()
            ),
            Measure("scanhub_oldest_seconds", "Age of the oldest open one", oldest, label="queue"),
            Measure(
                "scanhub_target_open",
                "Series on their way to a target",
                {name: target.open for name, target in facts.targets.items()},
                label="target",
            ),
            Measure(
                "scanhub_target_waiting",
                "Series that wait for another attempt",
                {name: target.waiting for name, target in facts.targets.items()},
                label="target",
            ),
            *_single_measures(facts),
            *sharing_measures(facts.shared),
            *self._cleaner.measures(),
            *self._node.receiving.tally.measures(),
            *await self._backups.measure(),
            self._lag.measure(),
        ]


def _single_measures(facts: Facts) -> Iterable[Measure]:
    """Yield what has one value, or one by reader."""
    listens = float(facts.port is not None or bool(facts.shared.receivers))
    yield Measure(
        "scanhub_series_incomplete", "Series that get images", {"": facts.incomplete.open}
    )
    yield Measure("scanhub_dicom_listener_up", "The DICOM listener listens", {"": listens})
    yield Measure(
        "scanhub_journal_events_total", "Events written", {"": facts.newest}, counter=True
    )
    yield Measure(
        "scanhub_journal_behind_events", "How far behind a reader is", facts.behind, label="reader"
    )
    yield Measure("scanhub_disk_free_bytes", "Free space for images", {"": facts.free})
    yield Measure("scanhub_disk_total_bytes", "Size of the disk of images", {"": facts.total})
