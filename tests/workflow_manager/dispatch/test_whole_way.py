"""kill -9 again and again, from the first image received to the last one sent: nothing is lost.

The headline: every image is in exactly one known place and state, whenever one looks, and every
case comes to its end.
"""

import asyncio
import os
import random
import signal
from collections import Counter

import pytest
from images import SERIES, write_instance
from outgoing import Outgoing, Sending
from sqlmodel import select
from workflow_service import a_port, until

from scanhub_libraries.database import reading
from workflow_manager.cases.models import Case, CaseSeries
from workflow_manager.dicom.incoming import WHOLE
from workflow_manager.dicom.models import DicomInstance, DicomSeries
from workflow_manager.dicom.scu import Peer, send_series
from workflow_manager.kept_aside.models import KeptAside

pytestmark = pytest.mark.timeout(500)


class Scanner:
    """Sends series, and what was not accepted again, until all of it is."""

    def __init__(self, folder, port, series, images):
        self.accepted: set[str] = set()
        self._node = Peer("127.0.0.1", port, "SCANHUB", "SCANNER", 2.0, 10.0)
        self._series = []
        for number in range(1, series + 1):
            uid = f"{SERIES}.{number}"
            paths = [write_instance(folder / uid, n, series=uid) for n in range(1, images + 1)]
            self._series.append([(f"{uid}.{path.stem}", path) for path in paths])

    @property
    def uids(self):
        return {uid for series in self._series for uid, _ in series}

    async def send_all(self):
        """Send one series after another."""
        for series in self._series:
            left = series
            while left:
                report = await asyncio.to_thread(send_series, left, self._node)
                self.accepted.update(report.sent)
                left = [item for item in left if item[0] not in report.sent]
                await asyncio.sleep(0.1 if left else 0)


async def places(outgoing):
    """Return in how many places each image is: the index with its file, or whole on its way in."""
    root = outgoing.folder / "lake"
    waiting = [path for path in root.glob("dicom/incoming/*/*") if path.name.endswith(WHOLE)]
    async with reading(outgoing.sessions) as session:
        rows = (await session.scalars(select(DicomInstance))).all()
        aside = (await session.scalars(select(KeptAside))).all()
    assert not aside
    assert all((root / row.key).stat().st_size == row.size for row in rows)
    stored = {path for path in root.glob("dicom/*/*/*.dcm") if "incoming" not in path.parts}
    assert stored >= {root / row.key for row in rows}
    return {row.sop_instance_uid for row in rows}, len(waiting)


async def assert_nothing_is_lost(outgoing, archive, accepted):
    """While nobody works: what was accepted is here, what counts as sent is there."""
    indexed, waiting = await places(outgoing)
    assert len(accepted - indexed) <= waiting
    for row in await outgoing.dispatches():
        assert row.status.value != "failed", row.error
        assert await outgoing.delivered(row) <= set(archive.got)


async def assert_all_is_done(outgoing, archive, uids, kills):
    indexed, waiting = await places(outgoing)
    assert (indexed, waiting) == (uids, 0)
    files = Counter(path.name for path in (outgoing.folder / "lake" / "dicom").rglob("*.dcm"))
    assert files == Counter(f"{uid}.dcm" for uid in uids)
    assert set(archive.got) == uids
    assert max(archive.got.values()) <= 1 + kills  # again at each death, at most
    async with reading(outgoing.sessions) as session:
        cases = (await session.scalars(select(Case))).all()
        links = (await session.scalars(select(CaseSeries))).all()
        series = (await session.scalars(select(DicomSeries))).all()
    assert {case.state.value for case in cases} == {"done"}
    assert {link.series_id for link in links} == {row.id for row in series}
    rows = await outgoing.dispatches()
    assert {row.series_id for row in rows} == {row.id for row in series}
    assert [(row.sent, row.failures, row.error, row.under_way) for row in rows] == [
        (row.instances, {}, None, None) for row in rows
    ]
    assert await outgoing.delivered(*rows) == uids


QUICK = {"series_quiet_s": 1.0, "dispatch_backoff_s": (0.1,) * 100, "dicom_timeout_s": 5}


@pytest.fixture
async def sending(tmp_path, keys):
    made = Sending(tmp_path, keys.public_pem, **QUICK)
    yield made
    await made.close()


@pytest.mark.long
async def test_killed_all_the_way_a_thousand_images_arrive_on_postgresql(
    tmp_path, keys, archive, copied_postgresql, make_postgresql_url
):
    url = copied_postgresql("workflow_manager")
    settings = {"database_url": url, "engine_database_url": make_postgresql_url(), **QUICK}
    outgoing, sending = Outgoing(tmp_path, url), Sending(tmp_path, keys.public_pem, **settings)
    try:
        await killed_all_the_way(outgoing, archive, sending, (20, 50, 10))
    finally:
        await sending.close()
        await outgoing.close()


@pytest.mark.parametrize(
    "numbers",
    [(3, 5, 2), pytest.param((20, 50, 10), marks=pytest.mark.long)],
    ids=["15 images", "1,000 images"],
)
async def test_killed_all_the_way_every_image_arrives_and_every_case_ends(
    outgoing, archive, sending, numbers
):
    await killed_all_the_way(outgoing, archive, sending, numbers)


async def killed_all_the_way(outgoing, archive, sending, numbers):
    series, images, kills = numbers
    port, chance = a_port(), random.Random(series)  # noqa: S311 - the same each time
    await outgoing.add_target("PACS", port=archive.port)
    await outgoing.add_rule("mr", "tags.Modality == 'MR'", "PACS")
    scanner = Scanner(outgoing.folder / "from", port, series, images)
    uids = scanner.uids
    # Moments all over the way: each image is accepted once, and arrives once.
    moments = sorted(chance.sample(range(1, 2 * len(uids)), kills))
    pid = await sending.start(dicom_port=port)
    async with asyncio.TaskGroup() as group:
        group.create_task(scanner.send_all())
        for moment in moments:
            await until(lambda m=moment: len(scanner.accepted) + len(archive.got) >= m, 120)
            os.kill(pid, signal.SIGKILL)
            await sending.gone(pid)
            await assert_nothing_is_lost(outgoing, archive, set(scanner.accepted))
            pid = await sending.start(dicom_port=port)

    async def all_done():
        async with reading(outgoing.sessions) as session:
            states = {case.state.value for case in await session.scalars(select(Case))}
        return states == {"done"} and len(archive.got) == len(uids)

    async def nothing_is_left():
        """Say whether what killed processes had indexed has lost the name that it came under."""
        return await places(outgoing) == (uids, 0)

    await until(all_done, 200)
    await until(nothing_is_left, 200)
    await until(outgoing.all_sent, 60)
    await sending.stop(pid)
    await assert_all_is_done(outgoing, archive, uids, kills)
