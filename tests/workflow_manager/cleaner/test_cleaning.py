"""What is removed, when, and what never is: on both databases."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from shelf import Shelf

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import reading, transaction
from scanhub_libraries.ids import new_id
from workflow_manager.cases.rules import CaseState
from workflow_manager.cleaner import service
from workflow_manager.cleaner.aside import remove_parts
from workflow_manager.cleaner.cleaning import Cleaner, candidates
from workflow_manager.cleaner.previewing import preview
from workflow_manager.cleaner.rules import Fate, Retention, bytes_over
from workflow_manager.cleaner.service import remove_files, remove_series
from workflow_manager.dispatch.delivered import delivered
from workflow_manager.dispatch.rules import DispatchStatus
from workflow_manager.dispatch.service import dispatch_id_of, get_dispatch, queue_dispatches

ALL = {"clean_sent_days": 3, "clean_unsent_days": 3, "clean_discarded_days": 3}
both = pytest.mark.parametrize("shelf_url", ["sqlite", "postgresql"], indirect=True)


def settle(shelf: Shelf, **settings):
    shelf.wiring.settings = shelf.wiring.settings.model_copy(update=settings)
    return Cleaner(shelf.wiring)


async def test_a_series_goes_when_its_days_are_over_and_not_before(shelf):
    await shelf.add_target()
    await shelf.sent("1.1", 1, 2, days=3.5)
    await shelf.sent("1.2", 1, days=2.5)
    cleaner = settle(shelf, clean_sent_days=3)
    await cleaner.clean(utc_now())
    assert await shelf.there() == {"1.2"}
    (event,) = await shelf.events("cleaner.removed")
    assert event.subject == "1.1"
    assert (event.data["instances"], event.data["fate"]) == (2, "sent")
    assert event.data["bytes"] > 0
    assert "Doe" not in str(event.data)
    assert not (shelf.wiring.lake.root / "dicom" / "9.1.1").exists()
    measured = {m.name: m.values for m in cleaner.measures()}
    assert measured["scanhub_cleaner_removed_images_total"] == {"sent": 2}


async def test_nothing_is_removed_unless_somebody_says_so(shelf, years):
    await shelf.add_target()
    await shelf.sent("1.1", 1)
    await shelf.receive("1.2", 1)
    await shelf.case("1.2", CaseState.DISCARDED)
    await settle(shelf).clean(years)
    assert await shelf.there() == {"1.1", "1.2"}


@both
async def test_what_moves_waits_failed_or_is_held_is_never_removed(shelf, years, small_disk):
    await shelf.add_target()
    await shelf.sent("1.1", 1)
    await shelf.hold("9.1.1")
    for number, state in enumerate(
        (CaseState.WAITING, CaseState.RECEIVING, CaseState.DISPATCHING, CaseState.FAILED), start=2
    ):
        await shelf.sent(f"1.{number}", 1)
        await shelf.case(f"1.{number}", state, days=None)
    await shelf.receive("1.6", 1)
    await shelf.case("1.6")
    await shelf.dispatch("1.6", status=DispatchStatus.WAITING)
    await shelf.sent("1.7", 1)
    await shelf.change("1.7", complete=False)
    await shelf.receive("1.8", 1, task_id=new_id())
    await shelf.case("1.8")
    await shelf.receive("1.9", 1)  # nothing was decided yet
    everything = await shelf.there()
    await settle(shelf, **ALL).clean(years)
    await settle(shelf, clean_above_percent=0.001).free_disk()
    cleaner = small_disk(shelf, 1000)
    await cleaner.free_disk()
    assert cleaner.missing > 0
    assert await shelf.there() == everything


@pytest.mark.parametrize(
    ("target_type", "document", "fate"),
    [
        ("folder", {}, Fate.SENT),
        ("folder", {"file_filter": ["*1.dcm"]}, Fate.UNSENT),
        ("dummy", {}, Fate.UNSENT),
    ],
)
async def test_sent_is_what_can_be_found_again_elsewhere(shelf, target_type, document, fate):
    await shelf.add_target(target_type=target_type, **document)
    await shelf.sent("1.1", 1)
    cleaner = settle(shelf, **{f"clean_{other}_days": 1 for other in set(Fate) - {fate}})
    await cleaner.clean(utc_now())
    assert await shelf.there() == {"1.1"}
    await settle(shelf, **{f"clean_{fate}_days": 1}).clean(utc_now())
    assert await shelf.there() == set()


async def test_an_image_that_no_target_has_keeps_its_series(shelf, years):
    """The dispatch says as many as there are, but not these."""
    await shelf.add_target()
    await shelf.receive("1.1", 1, 2)
    await shelf.case("1.1")
    await shelf.dispatch("1.1", 1, 77)
    await settle(shelf, clean_sent_days=1).clean(years)
    assert await shelf.there() == {"1.1"}


async def test_discarded_images_stay_as_long_as_was_promised(shelf):
    await shelf.receive("1.1", 1)
    await shelf.case("1.1", CaseState.DISCARDED, days=10, kept_days=2)
    cleaner = settle(shelf, clean_discarded_days=1, clean_above_percent=0.0001)
    await cleaner.clean(utc_now())
    await cleaner.free_disk()
    assert await shelf.there() == {"1.1"}
    await cleaner.clean(utc_now() + timedelta(days=3))
    assert await shelf.there() == set()


@both
async def test_a_full_disk_frees_what_is_needed_and_no_more_the_oldest_first(shelf, small_disk):
    await shelf.add_target()
    for number in range(1, 6):
        await shelf.sent(f"1.{number}", 1)
    await shelf.hold("9.1.1")
    await shelf.receive("1.0", 1)  # done and nowhere else
    await shelf.case("1.0")
    size = sum(p.stat().st_size for p in shelf.wiring.lake.root.rglob("*.dcm")) / 6
    settle(shelf, clean_above_percent=50)
    cleaner = small_disk(shelf, int(size * 8.5))  # 6 of 8.5 used; 4 are allowed
    await cleaner.free_disk()
    assert await shelf.there() == {"1.0", "1.1", "1.4", "1.5"}
    assert cleaner.missing == 0
    assert {event.data["reason"] for event in await shelf.events("cleaner.removed")} == {
        "the disk was full"
    }


async def test_a_disk_that_cannot_be_freed_says_so(shelf, small_disk):
    await shelf.receive("1.1", 1)
    await shelf.case("1.1")
    settle(shelf, clean_above_percent=10)
    cleaner = small_disk(shelf, 4000)
    await cleaner.free_disk()
    assert await shelf.there() == {"1.1"}
    (missing,) = [m for m in cleaner.measures() if m.name == "scanhub_cleaner_missing_bytes"]
    assert missing.values[""] == cleaner.missing > 0


@both
async def test_what_is_previewed_is_what_is_removed(shelf):
    await shelf.add_target()
    await shelf.sent("1.1", 1, 2)
    await shelf.sent("1.2", 1)
    await shelf.receive("1.3", 1)
    await shelf.case("1.3", CaseState.DISCARDED)
    cleaner = settle(shelf, clean_sent_days=3, clean_discarded_days=20)
    found = await preview(shelf.wiring, free_bytes=None, limit=10)
    assert [one.series_instance_uid for one in found.series] == ["1.1", "1.2"]
    assert (found.instances, found.more, found.emergency) == (3, False, False)
    urgent = await preview(shelf.wiring, free_bytes=found.series[0].size_bytes + 1, limit=10)
    assert [one.series_instance_uid for one in urgent.series] == ["1.1", "1.2"]
    assert (await preview(shelf.wiring, free_bytes=10**9, limit=2)).more
    assert await shelf.there() == {"1.1", "1.2", "1.3"}
    await cleaner.clean(utc_now())
    assert await shelf.there() == {"1.3"}
    assert sum(e.data["bytes"] for e in await shelf.events("cleaner.removed")) == found.size_bytes


async def test_what_was_removed_and_comes_again_is_new(shelf):
    await shelf.add_target()
    await shelf.sent("1.1", 1, 2)
    await settle(shelf, clean_sent_days=3).clean(utc_now())
    row = await shelf.series("1.1")
    await shelf.receive("1.1", 2)
    again = await shelf.series("1.1")
    assert (again.id, again.number_of_series_related_instances) == (row.id, 1)
    assert await shelf.there() == {"1.1"}


@both
async def test_what_was_sent_of_a_removed_series_is_told_until_it_comes_again(shelf):
    await shelf.add_target()
    await shelf.sent("1.1", 1, 2)
    await settle(shelf, clean_sent_days=3).clean(utc_now())
    sessions, series = shelf.wiring.sessions, await shelf.series("1.1")
    dispatch_id = dispatch_id_of(series.id, "PACS")
    async with reading(sessions) as session:
        row = await get_dispatch(session, dispatch_id)
        assert (row.instances, row.sent, row.removed_at is None) == (2, 2, False)
        assert await delivered(session, dispatch_id) == {}
    await shelf.receive("1.1", 2)
    async with transaction(sessions) as session:
        (event,) = await queue_dispatches(session, series, instances=1, targets=["PACS"])
        row = await get_dispatch(session, dispatch_id)
        assert (row.instances, row.sent, row.removed_at) == (1, 0, None)
    assert (event.data["instances"], event.data["sent"]) == (1, 0)


async def choose(shelf):
    """Return the first series that may go by now."""
    now = utc_now()
    cutoffs = Retention(3, 3, 3).cutoffs(now)
    async for candidate in candidates(shelf.wiring, cutoffs, now):
        return candidate, cutoffs, now
    raise AssertionError("there is none")


@both
async def test_an_image_that_comes_back_before_its_file_is_gone_stays(shelf):
    await shelf.add_target()
    await shelf.sent("1.1", 1, 2, 3)
    sessions, lake = shelf.wiring.sessions, shelf.wiring.lake
    assert await remove_series(sessions, *(await choose(shelf)), emergency=False)
    assert len(await shelf.removed_files()) == 3
    await shelf.receive("1.1", 2)
    await remove_files(sessions, lake)
    assert {Path(key).name for key in await shelf.indexed()} == {"1.1.2.dcm"}
    assert await shelf.there() == {"1.1"}
    assert await shelf.removed_files() == set()


async def test_what_went_twice_before_its_file_was_gone_goes_once(shelf):
    await shelf.add_target()
    await shelf.sent("1.1", 1)
    sessions, lake = shelf.wiring.sessions, shelf.wiring.lake
    await remove_series(sessions, *(await choose(shelf)), emergency=False)
    await shelf.receive("1.1", 1)
    assert await remove_series(sessions, *(await choose(shelf)), emergency=False)
    await remove_files(sessions, lake)
    assert await shelf.there() == set()


async def test_a_series_that_may_not_go_any_more_when_its_turn_comes_stays(shelf):
    await shelf.add_target()
    await shelf.sent("1.1", 1)
    chosen = await choose(shelf)
    await shelf.hold("9.1.1")
    assert await remove_series(shelf.wiring.sessions, *chosen, emergency=False) is None
    assert await shelf.there() == {"1.1"}


async def test_a_file_that_cannot_be_removed_is_tried_again(shelf, monkeypatch):
    await shelf.add_target()
    await shelf.sent("1.1", 1)
    cleaner = settle(shelf, clean_sent_days=3)

    def refuse(root, keys):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(service, "_unlink", refuse)
        with pytest.raises(PermissionError):
            await cleaner.clean(utc_now())
    assert await shelf.indexed() == set()
    assert await shelf.removed_files() == shelf.files()
    await cleaner.round()
    assert await shelf.there() == set()


def old(folder, name, *, days, text=b"x" * 10):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(text)
    then = (utc_now() - timedelta(days=days)).timestamp()
    os.utime(path, (then, then))
    return path


async def test_files_aside_go_by_their_own_days(shelf):
    quarantine = shelf.wiring.lake.root / "dicom" / "quarantine"
    conflicts = shelf.wiring.lake.root / "dicom" / "conflicts"
    for days in (1, 5):
        old(quarantine, f"{days}.dcm", days=days)
        old(quarantine, f"{days}.json", days=days)
        old(conflicts, f"{days}.dcm", days=days)
    cleaner = settle(shelf, clean_quarantine_days=3)
    found = await preview(shelf.wiring, free_bytes=None, limit=1)
    assert [(f.kind, f.files, f.size_bytes) for f in found.files] == [("quarantine", 1, 10)]
    await cleaner.clean(utc_now())
    assert {path.name for path in quarantine.iterdir()} == {"1.dcm", "1.json"}
    assert len(list(conflicts.iterdir())) == 2
    (event,) = await shelf.events("cleaner.removed")
    assert event.data == {"files": 1, "bytes": 10, "kind": "quarantine"}


def test_half_files_that_nobody_writes_any_more_go(tmp_path):
    part = old(tmp_path / "1" / "2", ".3.dcm.abc.part", days=3)
    busy = old(tmp_path / "incoming" / "x", ".4.part", days=3)
    whole = old(tmp_path / "1" / "2", "3.dcm", days=3)
    assert remove_parts(tmp_path, utc_now().timestamp() - 60).count == 0  # they appeared just now
    assert remove_parts(tmp_path, utc_now().timestamp() + 60).count == 1
    assert (part.exists(), busy.exists(), whole.exists()) == (False, True, True)


async def test_what_is_old_goes_in_off_peak_hours_only_if_so_set(shelf):
    await shelf.add_target()
    await shelf.sent("1.1", 1)
    now = utc_now()
    soon, later = (f"{(now + timedelta(hours=h)):%H:%M}" for h in (2, 3))
    cleaner = settle(
        shelf,
        clean_sent_days=3,
        clean_offpeak_only=True,
        offpeak_start=soon,
        offpeak_end=later,
    )
    await cleaner.round()
    assert await shelf.there() == {"1.1"}
    cleaner = settle(shelf, offpeak_start=later, offpeak_end=later)
    await cleaner.round()
    assert await shelf.there() == set()


def test_a_share_of_a_disk_in_bytes():
    assert bytes_over(free=10, total=100, percent=90) == 0
    assert bytes_over(free=9, total=100, percent=90) == 1
    assert bytes_over(free=100, total=100, percent=50) == 0
