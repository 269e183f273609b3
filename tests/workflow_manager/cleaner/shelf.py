"""Series of a node, each with the cases and dispatches that a test wants."""

from datetime import timedelta

import pydicom
import sqlalchemy as sa
from images import write_instance

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import reading, transaction
from scanhub_libraries.ids import new_id
from workflow_manager.cases.models import Case, CaseSeries
from workflow_manager.cases.rules import CaseKind, CaseState
from workflow_manager.cleaner.models import RemovedFile
from workflow_manager.cleaner.service import hold_study
from workflow_manager.dicom.entries import Origin
from workflow_manager.dicom.models import DicomInstance, DicomSeries
from workflow_manager.dicom.service import DicomStore
from workflow_manager.dispatch.delivered import note
from workflow_manager.dispatch.models import Dispatch
from workflow_manager.dispatch.rules import DispatchStatus
from workflow_manager.dispatch.service import dispatch_id_of
from workflow_manager.journal import repository as journal
from workflow_manager.targets.models import Target


class Shelf:
    """What the tests do with it. A series is its own study, unless told otherwise."""

    def __init__(self, wiring, folder):
        self.wiring, self.folder = wiring, folder
        self.store = DicomStore(wiring.sessions, wiring.lake)

    async def receive(self, series, *numbers, study=None, task_id=None):
        """Images arrive, and the series is complete."""
        for number in numbers:
            path = write_instance(self.folder / "scanner", number, series=series)
            image = pydicom.dcmread(path)
            image.StudyInstanceUID = study or f"9.{series}"
            image.save_as(path)
            await self.store.store_instance(path, Origin("SCANNER", task_id=task_id))
        await self.change(series, complete=True)

    async def change(self, series, **values):
        async with transaction(self.wiring.sessions) as session:
            where = DicomSeries.series_instance_uid == series
            await session.execute(sa.update(DicomSeries).where(where).values(**values))

    async def series(self, uid):
        async with reading(self.wiring.sessions) as session:
            query = sa.select(DicomSeries).where(DicomSeries.series_instance_uid == uid)
            return await session.scalar(query)

    async def add_target(self, name="PACS", target_type="folder", **document):
        async with transaction(self.wiring.sessions) as session:
            session.add(Target(name=name, target_type=target_type, document=document))

    async def case(self, series, state=CaseState.DONE, *, days=10, kept_days=None):
        """A case of the series ended so many days ago, or not."""
        row, now = await self.series(series), utc_now()
        case = Case(
            kind=CaseKind.SERIES,
            subject=row.id.hex,
            rule=new_id().hex,
            action="route",
            study_instance_uid=row.study_instance_uid,
            state=state,
            last_received_at=now,
            ended_at=None if days is None else now - timedelta(days=days),
            files_kept_until=None if kept_days is None else now + timedelta(days=kept_days),
        )
        async with transaction(self.wiring.sessions) as session:
            session.add(case)
            await session.flush()
            link = CaseSeries(
                case_id=case.id, series_id=row.id, series_instance_uid=series, instances=1
            )
            session.add(link)

    async def dispatch(self, series, *sent, status=DispatchStatus.SENT, target="PACS"):
        """Images of the series were sent."""
        row = await self.series(series)
        dispatch = Dispatch(
            id=dispatch_id_of(row.id, target),
            target=target,
            series_id=row.id,
            series_instance_uid=series,
            study_instance_uid=row.study_instance_uid,
            status=status,
            instances=row.number_of_series_related_instances,
        )
        async with transaction(self.wiring.sessions) as session:
            session.add(dispatch)
            await session.flush()
            uids = [f"{series}.{number}" for number in sent]
            await note(session, dispatch, uids, confirmed=True, transcoded={})

    async def sent(self, series, *numbers, days=10, study=None):
        """A series that was received, sent and done with."""
        await self.receive(series, *numbers, study=study)
        await self.case(series, days=days)
        await self.dispatch(series, *numbers)

    async def hold(self, study):
        async with transaction(self.wiring.sessions) as session:
            await hold_study(session, study, "a trial", actor="user:ann")

    async def removed_files(self):
        async with reading(self.wiring.sessions) as session:
            return set(await session.scalars(sa.select(RemovedFile.key)))

    async def indexed(self):
        async with reading(self.wiring.sessions) as session:
            return set(await session.scalars(sa.select(DicomInstance.key)))

    def files(self):
        root = self.wiring.lake.root
        return {str(path.relative_to(root)) for path in root.rglob("*.dcm")}

    async def there(self):
        """Return which series have images; index and files say the same, or the test fails."""
        keys = await self.indexed()
        assert keys == self.files()
        async with reading(self.wiring.sessions) as session:
            count = sa.func.count()
            query = sa.select(DicomInstance.series_id, count).group_by(DicomInstance.series_id)
            counts = dict((await session.execute(query)).all())
            every = (await session.scalars(sa.select(DicomSeries))).all()
        for row in every:
            assert row.number_of_series_related_instances == counts.get(row.id, 0)
        return {row.series_instance_uid for row in every if row.id in counts}

    async def events(self, kind):
        async with reading(self.wiring.sessions) as session:
            events = await journal.list_events(session, after=0, limit=1000)
        return [event for event in events if event.type == kind]
