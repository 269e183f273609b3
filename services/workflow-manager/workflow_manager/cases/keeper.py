"""What moves cases on when nobody asks: series fall quiet, studies are due, sending ends.

Nothing is kept in memory but the place in the journal: each look begins with what the database
says, so a restart forgets no timer, and two services may look at the same time.
"""

from collections.abc import Awaitable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import reading, transaction
from scanhub_libraries.events import Event, EventType
from scanhub_libraries.logging import get_logger
from scanhub_libraries.repeating import Repeating
from workflow_manager.cases import repository
from workflow_manager.cases.following import follow_series
from workflow_manager.cases.models import Case
from workflow_manager.cases.service import settle
from workflow_manager.cases.studies import judge, review_study
from workflow_manager.cases.times import times_of
from workflow_manager.dicom.models import DicomSeries
from workflow_manager.dicom.service import complete
from workflow_manager.journal.service import append
from workflow_manager.routing_rules.decisions import Considered, consider
from workflow_manager.wiring import Wiring

logger = get_logger(__name__)
AT_ONCE = 20
"""Series that become complete in one transaction."""
_SETTLING = frozenset(
    {EventType.DISPATCH_SENT, EventType.DISPATCH_FAILED, EventType.DISPATCH_QUEUED}
)
_LOOK_S = 5.0
_REVIEW_ALL = timedelta(seconds=60)
"""So often every open study is judged, by the settings as they are now."""


class CaseKeeper:
    """Looks at series, studies and dispatches, and moves the cases that are due."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._times = times_of(wiring.settings)
        self._place = wiring.tail.last
        self._all_reviewed_at: datetime | None = None
        settings = wiring.settings
        quiet_s = min(settings.series_quiet_s, max(settings.series_closed_quiet_s, 0.1))
        self._loops = [
            Repeating("completing series", self.complete_series, min(0.5, quiet_s / 2)),
            Repeating("completing studies", self.review_studies, min(2.0, self._study_s() / 4)),
            Repeating("settling cases", self._settle_and_wait, 0.02),
        ]

    def _study_s(self) -> float:
        return min(self._times.complete_s, self._times.force_s)

    async def start(self) -> None:
        """Begin to look."""
        for loop in self._loops:
            loop.start()

    async def stop(self) -> None:
        """Stop looking."""
        for loop in self._loops:
            await loop.stop()

    # --- series -----------------------------------------------------------------------------------

    async def complete_series(self) -> int:
        """Complete every series that got nothing for long enough; say how many."""
        total = 0
        while done := await self._complete_some():
            total += done
        return total

    async def _complete_some(self) -> int:
        settings, now = self._wiring.settings, utc_now()
        async with reading(self._wiring.sessions) as session:
            due = await repository.list_due_series(
                session,
                quiet_since=now - timedelta(seconds=settings.series_quiet_s),
                closed_since=now - timedelta(seconds=settings.series_closed_quiet_s),
                limit=AT_ONCE,
            )
            if not due:
                return 0
            # The rules are evaluated before the transaction: nobody waits for them.
            considered = await consider(session, [series.id for series in due])
        try:
            return await self.commit(due, considered)
        except Exception as error:
            if len(due) == 1:
                raise
            logger.exception("series are completed one by one", error=repr(error))
            return await self._one_by_one(due, considered)

    async def _one_by_one(
        self, due: Sequence[DicomSeries], considered: dict[UUID, Considered]
    ) -> int:
        """Let one series that cannot be followed hold up no other."""
        done = 0
        for series in due:
            try:
                done += await self.commit([series], considered)
            except Exception as error:
                uid = series.series_instance_uid
                logger.exception("a series cannot be completed", series=uid, error=repr(error))
        return done

    async def commit(self, due: Sequence[DicomSeries], considered: dict[UUID, Considered]) -> int:
        """Complete series to which nothing came since they were looked at; say how many."""
        seen = {series.id: series.last_received_at for series in due if series.id in considered}
        events: list[Event] = []
        async with transaction(self._wiring.sessions) as session:
            await repository.lock_studies(session, [row.study_instance_uid for row in due])
            rows = await repository.lock_series(session, list(seen))
            still = {id_: row for id_, row in rows.items() if row.last_received_at == seen[id_]}
            counts = await repository.count_instances(session, list(still))
            for id_, series in still.items():
                events.append(complete(series, _reason(series)))
                events += await follow_series(
                    session,
                    series,
                    considered[id_],
                    instances=counts.get(id_, 0),
                    times=self._times,
                )
            await append(session, events)
        return len(still)

    # --- studies ----------------------------------------------------------------------------------

    async def review_studies(self) -> int:
        """Move the study cases on that are due; say how many were."""
        now, due = utc_now(), None
        if self._all_reviewed_at is not None and now < self._all_reviewed_at + _REVIEW_ALL:
            due = now
        async with reading(self._wiring.sessions) as session:
            found = await repository.list_open_studies(session, due=due)
        moved = 0
        for study in found:
            verdict = judge(study, self._times)
            case = study.case
            if (verdict.state, verdict.reason) != (case.state, case.reason):
                moved += await self._alone(case.id, self._review(case))
        if due is None:
            self._all_reviewed_at = now
        return moved

    async def _alone(self, case_id: UUID, work: Awaitable[None]) -> bool:
        """Let one case that cannot be moved hold up no other; say whether it was moved."""
        try:
            await work
        except Exception as error:
            logger.exception("a case cannot be moved on", case_id=str(case_id), error=repr(error))
            return False
        return True

    async def _review(self, seen: Case) -> None:
        async with transaction(self._wiring.sessions) as session:
            await repository.lock_studies(session, [seen.study_instance_uid])
            case = await session.get_one(
                Case, seen.id, with_for_update=True, populate_existing=True
            )
            events = await review_study(session, case, self._times)
            await session.flush()
            await append(session, events)

    # --- dispatches -------------------------------------------------------------------------------

    async def _settle_and_wait(self) -> None:
        await self.settle_cases()
        tail, loop_end = self._wiring.tail, utc_now() + timedelta(seconds=_LOOK_S)
        while (left := (loop_end - utc_now()).total_seconds()) > 0:
            entries = await tail.read(self._place)
            if entries:
                self._place = entries[-1].sequence
                if any(entry.type in _SETTLING for entry in entries):
                    return
            else:
                await tail.wait(self._place, left)

    async def settle_cases(self) -> int:
        """Bring cases to where their dispatches are; say how many moved."""
        async with reading(self._wiring.sessions) as session:
            ids = await repository.list_unsettled(session)
        moved = 0
        for id_ in ids:
            moved += await self._alone(id_, self._settle(id_))
        return moved

    async def _settle(self, case_id: UUID) -> None:
        async with transaction(self._wiring.sessions) as session:
            case = await session.get_one(Case, case_id, with_for_update=True)
            events = await settle(session, case, self._times)
            await session.flush()
            await append(session, events)


def _reason(series: DicomSeries) -> str:
    closed = series.closed_at
    return "association closed" if closed and closed >= series.last_received_at else "quiet"
