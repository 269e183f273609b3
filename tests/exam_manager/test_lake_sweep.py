"""What a crash left in the lake is cleared; what may be needed stays. The process is killed."""

import asyncio
import os
import shutil
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from outside import Outside, files_in, put_result, scanned, upload_of

from exam_manager.lake_sweep import LakeSweep, mark_key
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import sqlite_url
from scanhub_libraries.ids import new_id
from scanhub_libraries.lake import LocalLake

EXAM = "/api/v1/exam"
GRACE = timedelta(hours=1)


def a_sweep(platform, *, hours_later=2.0, lake=None):
    """A sweep as it would be some hours from now."""

    def later():
        return utc_now() + timedelta(hours=hours_later)

    return LakeSweep(platform.app.state.sessions, lake or platform.lake, grace=GRACE, clock=later)


async def swept(platform, **options):
    return await a_sweep(platform, **options).sweep()


async def uploaded(platform):
    """Upload a sequence; its plot, which is made aside in its own time, is left out."""
    made = await platform.call("POST", f"{EXAM}/sequence", expect=201, **upload_of())
    while platform.app.state.plotter.busy:
        await asyncio.sleep(0.01)
    await platform.lake.delete(f"sequences/{made.json()['_id']}.plot.bin")
    return made.json()["_id"]


# --- killed between file and row, and between row and file ----------------------------------------


@pytest.fixture
async def outside(tmp_path, empty_database, platform_at, keys):
    shutil.copyfile(empty_database, tmp_path / "exam.sqlite")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "signing.pem").write_text(keys.private_pem)
    (tmp_path / "keys" / "signing.pub.pem").write_text(keys.public_pem)
    outside = Outside(tmp_path, platform_at)
    yield outside
    await outside.stop()


@pytest.fixture
async def scene(outside, start, tmp_path):
    """A scan and a sequence that stay, another of each; the service has ended for now."""
    async with start(sqlite_url(tmp_path / "exam.sqlite"), migrate=False) as platform:
        await scanned(platform, platform.lake.root)
        await uploaded(platform)
        kept = outside.files()
        assert len(kept) == 3
        ids = await scanned(platform, platform.lake.root)
        ids["sequence"] = await uploaded(platform)
    return kept, outside.files() - kept, ids


@pytest.fixture
def started_later(start, tmp_path):
    """Return what starts the service again, two hours later, and says what it found."""

    async def run():
        url = sqlite_url(tmp_path / "exam.sqlite")
        later = timedelta(hours=2)
        async with start(url, migrate=False, clock=lambda: utc_now() + later) as platform:
            sweep = platform.app.state.lake_sweep
            while sweep.report.ended_at is None:
                await asyncio.sleep(0.01)
            listed = (await platform.call("GET", f"{EXAM}/sequences/all", expect=200)).json()
            return sweep.report, {sequence["name"] for sequence in listed}

    return run


async def test_killed_and_started_again_the_process_clears_its_lake(outside, scene):
    kept, more, _ = scene
    await outside.start(TEST_KILL_AT=r"put \.header\.xml$")
    await outside.killed_by("POST", f"{EXAM}/sequence", **upload_of())
    assert len(outside.files() - kept - more) == 3
    await outside.start(TEST_HOURS_LATER="2")
    report = await outside.swept()
    assert outside.files() == kept | more
    assert (report["removed_files"], report["orphans"], report["unknown_names"]) == (3, 0, 0)


@pytest.mark.parametrize(("point", "left"), [(r"upload-pending$", 1), (r"\.seq$", 2)])
async def test_killed_while_a_sequence_is_uploaded(outside, scene, started_later, point, left):
    kept, more, _ = scene
    await outside.start(TEST_KILL_AT=f"put {point}")
    await outside.killed_by("POST", f"{EXAM}/sequence", **upload_of(name="Lost"))
    assert len(outside.files() - kept - more) == left
    report, names = await started_later()
    assert outside.files() == kept | more
    assert (report.removed_files, report.orphans, report.unknown_names) == (left, 0, 0)
    assert names == {"GRE"}


@pytest.mark.long
@pytest.mark.parametrize("what", ["result", "task", "workflow", "exam", "sequence"])
async def test_killed_after_a_delete_and_before_its_files_are_removed(
    outside, scene, started_later, what
):
    kept, more, ids = scene
    lost = {key for key in more if key.startswith("sequences/") == (what == "sequence")}
    path = f"{EXAM}/{ids['exam']}" if what == "exam" else f"{EXAM}/{what}/{ids[what]}"
    await outside.start(TEST_KILL_AT="delete" if what == "sequence" else "delete_tree")
    await outside.killed_by("DELETE", path)
    assert outside.files() == kept | more
    report, _ = await started_later()
    assert outside.files() == kept | (more - lost)
    assert (report.removed_files, report.orphans) == (len(lost), 0)
    folders = {path.name for path in (outside.folder / "lake-root" / "lake").iterdir()}
    assert (ids["workflow"] in folders) == (what not in {"workflow", "exam"})


# --- what is not certain stays --------------------------------------------------------------------


async def test_what_is_referred_to_stays_and_a_finished_upload_loses_only_its_mark(either):
    await scanned(either, either.lake.root)
    made = await uploaded(either)
    files = files_in(either.lake.root)
    await either.lake.put(mark_key(made), b"")
    report = await swept(either)
    assert files_in(either.lake.root) == files
    assert (report.removed_files, report.orphans, report.awaited) == (1, 0, 0)


async def test_files_on_their_way_are_left_alone_for_the_grace(platform):
    identifier = new_id()
    await platform.lake.put(mark_key(identifier), b"")
    await platform.lake.put(f"sequences/{identifier}.seq", b"a sequence")
    platform.lake.folder("sequences").joinpath(".x.seq.1.part").write_bytes(b"half")
    files = files_in(platform.lake.root)
    report = await swept(platform, hours_later=0.9)
    assert files_in(platform.lake.root) == files
    assert (report.removed_files, report.orphans) == (0, 0)
    assert (await swept(platform, hours_later=1.1)).removed_files == 3
    assert files_in(platform.lake.root) == set()


async def test_the_files_of_a_claimed_task_are_awaited_for_as_long_as_it_takes(either):
    exam = await either.exam()
    workflow = await either.workflow(exam)
    task = await either.acquisition(workflow)
    claim_id, result_id = (await either.claim(task))["claim_id"], str(new_id())
    key = put_result(either.lake.root, workflow["id"], task["id"], result_id)
    report = await swept(either, hours_later=24 * 30)
    assert (report.awaited, report.orphans, report.removed_files) == (1, 0, 0)
    result = {"type": "MRD", "directory": "", "files": ["raw.mrd"], "meta": {}}
    finish = {"claim_id": claim_id, "result_id": result_id, "result": result}
    url = f"{EXAM}/task/{task['id']}/finish"
    await either.call("POST", url, json=finish, headers=either.service, expect=200)
    assert (await swept(either)).awaited == 0
    assert files_in(either.lake.root) == {key}


async def test_files_of_a_task_that_exists_stay_and_are_told_of_once(either):
    ids = await scanned(either, either.lake.root)
    refused = str(new_id())
    key = put_result(either.lake.root, ids["workflow"], ids["task"], refused)
    for _ in range(2):
        report = await swept(either)
        assert (report.orphans, report.removed_files, report.orphan_bytes) == (1, 0, 8)
        assert report.orphan_folders[0].folder == str(Path(key).parent)
    assert key in files_in(either.lake.root)
    (event,) = await either.events("lake.orphan_found")
    assert (event.data["task_id"], event.data["result_id"]) == (ids["task"], refused)
    timeline = (await either.call("GET", f"{EXAM}/{ids['exam']}/timeline", expect=200)).json()
    assert timeline[0]["action"] == "lake.orphan_found"
    assert timeline[0]["actor"] == "service:exam-manager"


async def test_a_result_that_was_deleted_goes_while_its_task_stays(either):
    ids = await scanned(either, either.lake.root)
    kept = put_result(either.lake.root, ids["workflow"], ids["task"], ids["result"])
    await either.call("DELETE", f"{EXAM}/result/{ids['result']}", expect=204)
    key = put_result(either.lake.root, ids["workflow"], ids["task"], ids["result"])
    os.utime(either.lake.path(key), (1e9, 1e9))
    assert key == kept
    assert (await swept(either, hours_later=0.5)).removed_files == 0
    assert (await swept(either)).removed_files == 1
    assert files_in(either.lake.root) == set()
    assert (await either.call("GET", f"{EXAM}/task/{ids['task']}", expect=200)).json()


async def test_what_came_after_the_deletion_stays(platform):
    """A device was told that its file is safe in the lake, after somebody deleted the task."""
    ids = await scanned(platform, platform.lake.root)
    await platform.call("DELETE", f"{EXAM}/task/{ids['task']}", expect=204)
    key = put_result(platform.lake.root, ids["workflow"], ids["task"], str(new_id()))
    report = await swept(platform)
    assert (report.orphans, report.removed_files) == (1, 0)
    assert files_in(platform.lake.root) == {key}


async def test_a_deleted_result_that_is_being_made_again_stays(platform):
    """Its id follows from the acquisition: while a claim is on the task it may come back."""
    ids = await scanned(platform, platform.lake.root)
    await platform.call("DELETE", f"{EXAM}/result/{ids['result']}", expect=204)
    job = await platform.job({"id": ids["workflow"], "is_template": False})
    claim = {"claim_id": str(new_id()), "run_id": str(new_id())}
    await platform.call("POST", f"{EXAM}/task/{job['id']}/claim", json=claim, expect=200)
    key = put_result(platform.lake.root, ids["workflow"], job["id"], ids["result"])
    os.utime(platform.lake.path(key), (1e9, 1e9))
    report = await swept(platform)
    assert (report.awaited, report.removed_files) == (1, 0)
    assert files_in(platform.lake.root) == {key}


async def test_a_database_that_was_restored_costs_no_image(start, empty_database, tmp_path):
    """The lake is of today, the database of yesterday: nothing that it does not know is removed."""

    @asynccontextmanager
    async def on(name):
        shutil.copyfile(empty_database, tmp_path / name)
        async with start(sqlite_url(tmp_path / name), migrate=False) as running:
            yield running

    async with on("today.sqlite") as platform:
        await scanned(platform, platform.lake.root)
        await uploaded(platform)
        files = files_in(platform.lake.root)
    async with on("yesterday.sqlite") as platform:
        report = await swept(platform, hours_later=24 * 365)
        assert files_in(platform.lake.root) == files
        assert (report.removed_files, report.orphans) == (0, 2)
        subjects = {event.subject.split("/")[0] for event in await platform.events()}
        assert subjects == {"lake", "sequences"}


async def test_a_file_that_comes_while_the_sweep_is_at_its_folder_stays(platform):
    ids = await scanned(platform, platform.lake.root)
    lost = put_result(platform.lake.root, ids["workflow"], ids["task"], ids["result"], "b.mrd")

    class Busy(LocalLake):
        async def list_files(self, prefix):
            found = await super().list_files(prefix)
            if prefix.startswith("lake/"):
                put_result(self.root, ids["workflow"], ids["task"], ids["result"], "late.mrd")
            return found

    await platform.call("DELETE", f"{EXAM}/task/{ids['task']}", expect=204)
    key = put_result(platform.lake.root, ids["workflow"], ids["task"], ids["result"], "b.mrd")
    os.utime(platform.lake.path(key), (1e9, 1e9))
    assert key == lost
    report = await swept(platform, lake=Busy(platform.lake.root))
    assert report.removed_files == 1
    assert {Path(key).name for key in files_in(platform.lake.root)} == {"late.mrd"}


async def test_two_processes_that_sweep_at_once_do_no_more_than_one(either):
    ids = await scanned(either, either.lake.root)
    kept_too = await scanned(either, either.lake.root)
    await either.call("DELETE", f"{EXAM}/{ids['exam']}", expect=204)
    key = put_result(either.lake.root, ids["workflow"], ids["task"], ids["result"])
    os.utime(either.lake.path(key), (1e9, 1e9))
    first, second = a_sweep(either), a_sweep(either)
    await first.sweep()
    await second.sweep()
    assert (first.report.removed_files, second.report.removed_files) == (1, 0)
    assert [key.split("/")[1] for key in files_in(either.lake.root)] == [kept_too["workflow"]]
    assert await either.lake.list_folders("lake") == [kept_too["workflow"]]


async def test_names_that_are_none_of_ours_are_counted_and_left(platform):
    await platform.lake.put("sequences/notes.txt", b"mine")
    await platform.lake.put("lake/backup/a.mrd", b"mine")
    report = await swept(platform)
    assert (report.unknown_names, report.removed_files) == (2, 0)
    assert len(files_in(platform.lake.root)) == 2


async def test_who_maintains_the_installation_sees_what_the_sweep_found(platform):
    put_result(platform.lake.root, new_id(), new_id(), new_id())
    await platform.app.state.lake_sweep.sweep()
    url = f"{EXAM}/lake/sweep"
    young = (await platform.call("GET", url, headers=platform.admin, expect=200)).json()
    assert (young["orphans"], young["removed_files"]) == (0, 0)
    assert young["began_at"] <= young["ended_at"]
    await platform.call("GET", url, expect=403)
