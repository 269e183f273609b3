"""What moves cases on when nobody asks: series fall quiet, studies are due, sending ends.

Nothing is kept in memory: each look begins with what the database says, so a restart forgets no
timer, and two services may look at the same time. Between two looks it sleeps until the next time
that the database knows, or until the journal wakes it.
"""

import time
from collections.abc import Awaitable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import reading, transaction
from scanhub_libraries.events import Event, EventType
from scanhub_libraries.logging import get_logger
from scanhub_libraries.repeating import SOON_S, Repeating, earlier
from workflow_manager.cases import repository
from workflow_manager.cases.aside import Aside
from workflow_manager.cases.following import follow_series
from workflow_manager.cases.habits import BROUGHT, CLOSED, note_habit
from workflow_manager.cases.models import Case
from workflow_manager.cases.repository import OpenStudy
from workflow_manager.cases.rules import Verdict
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
_SETTLING = (EventType.DISPATCH_SENT, EventType.DISPATCH_FAILED, EventType.DISPATCH_QUEUED)
_BROUGHT = ("retrieval.", "import.")
"""Whoever brought a series says that this was all, and tells of it then."""
_ARRIVING = (EventType.SERIES_RECEIVED, EventType.SERIES_COMPLETE)
_LONGEST_S = 10.0
"""So often is looked when nothing is due and nothing is heard of [s]."""
_REVIEW_ALL_S = 60.0
"""So often every open study is judged, by the settings as they are now [s]."""
_AHEAD = timedelta(seconds=60)
"""Clocks of several services may differ by this much; what is further ahead never was."""


class CaseKeeper:
    """Looks at series, studies and dispatches, and moves the cases that are due."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._times = times_of(wiring.settings)
        self._all_reviewed_at: float | None = None
        self._aside = Aside()
        quiet_s, closed_s = wiring.settings.series_quiet_s, wiring.settings.series_closed_quiet_s
        self._series = Repeating(
            "completing series",
            self.complete_series,
            min(_LONGEST_S, quiet_s / 2),
            due=self.until_a_series_is_due,
            shortest=min(0.5, quiet_s / 2, max(closed_s, 0.1) / 2),
            begin_after=SOON_S,
        )
        self._studies = Repeating(
            "completing studies",
            self.review_studies,
            min(_LONGEST_S, self._study_s() / 4),
            due=self.until_a_study_is_due,
            shortest=min(1.0, self._study_s() / 4),
            begin_after=SOON_S,
        )
        self._cases = Repeating("settling cases", self.settle_cases, _LONGEST_S, begin_after=SOON_S)
        wiring.tail.wake_on(_BROUGHT, self._series.wake)
        wiring.tail.wake_on(_ARRIVING, self._studies.wake)
        wiring.tail.wake_on(_SETTLING, self._cases.wake)

    def _study_s(self) -> float:
        return min(self._times.complete_s, self._times.force_s)

    async def start(self) -> None:
        """Begin to look."""
        for loop in (self._series, self._studies, self._cases):
            loop.start()

    async def stop(self) -> None:
        """Stop looking."""
        for loop in (self._series, self._studies, self._cases):
            await loop.stop()

    def association_ended(self) -> None:
        """Hear that series may be complete sooner than they were to be."""
        self._series.wake()

    # --- series -----------------------------------------------------------------------------------

    async def complete_series(self) -> int:
        """Complete every series that got nothing for long enough; say how many."""
        total, aside = 0, len(self._aside.ids())
        while (done := await self._complete_some()) or len(self._aside.ids()) > aside:
            total, aside = total + done, len(self._aside.ids())
        return total

    async def _complete_some(self) -> int:
        settings, now = self._wiring.settings, utc_now()
        async with reading(self._wiring.sessions) as session:
            due = await repository.list_due_series(
                session,
                quiet_since=now - timedelta(seconds=settings.series_quiet_s),
                closed_since=now - timedelta(seconds=settings.series_closed_quiet_s),
                besides=self._aside.ids(),
                limit=AT_ONCE,
            )
        if not due:
            return 0
        try:
            return await self._complete_these(due)
        except Exception as error:  # noqa: BLE001 - each is told of below
            logger.warning("series are completed one by one", error=repr(error))
            return await self._one_by_one(due)

    async def _complete_these(self, due: Sequence[DicomSeries]) -> int:
        async with reading(self._wiring.sessions) as session:
            # The rules are evaluated before the transaction: nobody waits for them.
            considered = await consider(session, [series.id for series in due])
        return await self.commit(due, considered)

    async def _one_by_one(self, due: Sequence[DicomSeries]) -> int:
        """Let series that cannot be followed hold up no other, however many they are."""
        done = 0
        for series in due:
            try:
                done += await self._complete_these([series])
            except Exception as error:
                self._aside.put(series.id)
                uid = series.series_instance_uid
                logger.exception("a series cannot be completed", series=uid, error=repr(error))
        return done

    async def commit(self, due: Sequence[DicomSeries], considered: dict[UUID, Considered]) -> int:
        """Complete series to which nothing came since they were looked at; say how many."""
        seen = {series.id: series.last_received_at for series in due if series.id in considered}
        events: list[Event] = []
        quiet_s = self._wiring.settings.series_quiet_s
        async with transaction(self._wiring.sessions) as session:
            await repository.lock_studies(session, [row.study_instance_uid for row in due])
            rows = await repository.lock_series(session, list(seen))
            still = {id_: row for id_, row in rows.items() if row.last_received_at == seen[id_]}
            counts = await repository.count_instances(session, list(still))
            for id_, series in still.items():
                await note_habit(session, series, quiet_s)
                events.append(complete(series, _reason(series, quiet_s)))
                events += await follow_series(
                    session,
                    series,
                    considered[id_],
                    instances=counts.get(id_, 0),
                    times=self._times,
                )
            await append(session, events)
        return len(still)

    async def until_a_series_is_due(self) -> float | None:
        """Return when the first series is quiet for long enough [s]; None: none is waited for."""
        settings = self._wiring.settings
        async with reading(self._wiring.sessions) as session:
            quiet, closed, newest = await repository.oldest_waiting(
                session, besides=self._aside.ids()
            )
        if _is_ahead(newest):
            await self._wait_anew()
            return 0.0
        return earlier(
            _seconds_to(quiet, settings.series_quiet_s),
            _seconds_to(closed, settings.series_closed_quiet_s),
        )

    # --- studies ----------------------------------------------------------------------------------

    async def review_studies(self) -> int:
        """Move the study cases on that are due; say how many were."""
        looked_at, due = time.monotonic(), None
        if self._all_reviewed_at is not None and looked_at < self._all_reviewed_at + _REVIEW_ALL_S:
            due = utc_now()
        found = await self._open_studies(due)
        if any(_is_ahead(one.case.last_received_at, one.case.opened_at) for one in found):
            await self._wait_anew()
            found = await self._open_studies(due)
        moved = 0
        for study in found:
            moved += await self._alone(study.case.id, self._review(study))
        if due is None:
            self._all_reviewed_at = looked_at
        return moved

    async def _open_studies(self, due: datetime | None) -> Sequence[OpenStudy]:
        async with reading(self._wiring.sessions) as session:
            return await repository.list_open_studies(session, due=due)

    async def _wait_anew(self) -> None:
        """Wait from now on for what was received at a time to come: the clock was put back.

        A machine whose clock is years ahead until it asks a server for the time leaves such rows.
        """
        now = utc_now()
        async with transaction(self._wiring.sessions) as session:
            await repository.wait_anew(session, now + _AHEAD, now)
        logger.warning("the clock was put back: what is waited for is waited for from now on")

    async def until_a_study_is_due(self) -> float | None:
        """Return when the time of the first study case comes [s]; None: none waits for a time."""
        async with reading(self._wiring.sessions) as session:
            return _seconds_to(
                await repository.next_due_study(session, besides=self._aside.ids()), 0.0
            )

    async def _alone(self, case_id: UUID, work: Awaitable[bool]) -> bool:
        """Let one case that cannot be moved hold up no other; say whether it was moved."""
        try:
            return await work
        except Exception as error:
            self._aside.put(case_id)
            logger.exception("a case cannot be moved on", case_id=str(case_id), error=repr(error))
            return False

    async def _review(self, study: OpenStudy) -> bool:
        verdict, seen = judge(study, self._times), study.case
        if verdict == Verdict(seen.state, seen.reason, seen.waits_until):
            return False
        async with transaction(self._wiring.sessions) as session:
            await repository.lock_studies(session, [seen.study_instance_uid])
            case = await session.get_one(
                Case, seen.id, with_for_update=True, populate_existing=True
            )
            events = await review_study(session, case, self._times)
            await session.flush()
            await append(session, events)
        return True

    # --- dispatches -------------------------------------------------------------------------------

    async def settle_cases(self) -> int:
        """Bring cases to where their dispatches are; say how many moved."""
        async with reading(self._wiring.sessions) as session:
            ids = await repository.list_unsettled(session, besides=self._aside.ids())
        moved = 0
        for id_ in ids:
            moved += await self._alone(id_, self._settle(id_))
        return moved

    async def _settle(self, case_id: UUID) -> bool:
        async with transaction(self._wiring.sessions) as session:
            case = await session.get_one(Case, case_id, with_for_update=True)
            events = await settle(session, case, self._times)
            await session.flush()
            await append(session, events)
        return True


def _is_ahead(*times: datetime | None) -> bool:
    limit = utc_now() + _AHEAD
    return any(time is not None and time > limit for time in times)


def _seconds_to(time: datetime | None, later_s: float) -> float | None:
    if time is None:
        return None
    return (time + timedelta(seconds=later_s) - utc_now()).total_seconds()


def _reason(series: DicomSeries, quiet_s: float) -> str:
    """Say why a series is complete: of both reasons, the one that nobody has to believe."""
    waited = utc_now() - series.last_received_at
    if waited >= timedelta(seconds=quiet_s):
        return "quiet"
    return BROUGHT if series.complete_reason == BROUGHT else CLOSED
