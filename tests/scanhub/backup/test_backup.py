"""A backup has what the databases name, is whole or none, and is restored elsewhere."""

import asyncio
import json
import os
import shutil
import signal
import sqlite3
from contextlib import closing

import pytest
from bucket_service import bucket_services, new_bucket
from nursery import start_program

from scanhub.backup import make as making
from scanhub.backup.place import FILES, BackupError, Place, read_lines
from scanhub.backup.postgresql import connect, in_order
from scanhub.backup.restore import restore
from scanhub.backup.verify import verify
from scanhub.settings import InstallationSettings
from scanhub_libraries.errors import ConflictError, NotFoundError
from scanhub_libraries.lake_bucket import BucketLake
from scanhub_libraries.migrate import upgrade
from workflow_manager.engine.schema import engine_versions

IMAGE = "dicom/1.2/1.2.3/1.2.3.4.dcm"


def say(_text):
    pass


def files_of(house, manifest):
    lines = read_lines(house.place.folder(manifest.name) / FILES)
    return {line["path"]: line["sha256"] for line in lines}


async def test_a_backup_is_restored_in_another_folder(house, tmp_path):
    made = await house.back_up()
    assert list(verify(house.place, "latest")) == []
    moved = (tmp_path / "backups").rename(tmp_path / "elsewhere")
    target = InstallationSettings(data_dir=tmp_path / "new")
    found = await restore(target, Place(moved), "latest", say=say)
    assert (found.name, found.missing_files) == (made.name, 0)
    assert await house.keys(target) == [IMAGE]
    assert (target.lake_root / IMAGE).read_bytes() == b"image"
    assert target.device_token_key() == house.settings.device_token_key()
    assert (target.keys_dir.stat().st_mode & 0o077) == 0
    target.prepare()  # as a server that starts does


async def test_a_backup_of_postgresql_is_restored_into_empty_databases(
    postgresql_house, tmp_path, make_postgresql_url
):
    house = postgresql_house
    await house.back_up()
    assert list(verify(house.place, "latest")) == []
    urls = {
        f"{name}_database_url": make_postgresql_url() for name in ("exam", "device", "workflow")
    }
    urls["engine_database_url"] = make_postgresql_url().replace("+asyncpg", "")
    target = InstallationSettings(data_dir=tmp_path / "new", **urls)
    await restore(target, house.place, "latest", say=say)
    assert await house.keys(target) == [IMAGE]
    recorded, newest = await asyncio.to_thread(engine_versions, target.engine_url)
    assert recorded == newest
    await asyncio.to_thread(upgrade, "workflow_manager", target.database_url("workflow-manager"))
    elsewhere = target.model_copy(update={"data_dir": tmp_path / "newer"})
    with pytest.raises(ConflictError, match="has tables"):
        await restore(elsewhere, house.place, "latest", say=say)


async def test_what_is_there_with_the_same_content_is_not_copied_again(house):
    first = await house.back_up()
    house.put("dicom/1.2/1.2.3/again.dcm")
    house.put("dicom/1.2/1.2.3/other.dcm", b"other image")
    second = await house.back_up()
    assert (first.new_files, first.files) == (1, 1)
    assert (second.new_files, second.files, second.new_bytes) == (1, 3, 11)


async def test_a_file_that_changed_is_copied_again(house):
    path = house.put("modules/model.bin", b"one")
    await house.back_up()
    path.write_bytes(b"two")
    os.utime(path, ns=(0, 0))
    second = await house.back_up()
    assert second.new_files == 1
    assert list(verify(house.place, "latest")) == []


async def test_what_is_being_written_is_left_out_but_for_uploads_that_go_on(house):
    kept = ["uploads/one.part", "dicom/incoming/a/1.5.dcm", ".shared-lake"]
    for key in (
        *kept,
        "lake/w/t/r/.raw.h5.1.part",
        "dicom/incoming/a/lock",
        "dicom/incoming/a/2.part",
    ):
        house.put(key, key.encode())
    assert set(files_of(house, await house.back_up())) == {IMAGE, *kept}


class Between:
    """Does something when the lake was copied for the first time."""

    def __init__(self, monkeypatch, work):
        self.copied, self.times, self.work = making.copy_lake, 0, work
        monkeypatch.setattr(making, "copy_lake", self)

    def __call__(self, *arguments):
        self.times += 1
        found = self.copied(*arguments)
        if self.times == 1:
            asyncio.run(self.work())
        return found


async def test_what_comes_while_files_are_copied_is_in_the_backup(house, monkeypatch):
    later = "dicom/1.2/1.2.3/later.dcm"

    async def receive():
        house.put(later, b"later")
        await house.receive(later, "1.2.3.5")

    Between(monkeypatch, receive)
    made = await house.back_up()
    assert set(files_of(house, made)) == {IMAGE, later}
    assert made.missing_files == 0


async def test_what_is_removed_after_the_moment_is_in_the_backup(house, monkeypatch):
    """The cleaner removes rows and then files: the databases of the moment name the image still."""

    async def remove():
        (house.lake / IMAGE).unlink()

    Between(monkeypatch, remove)
    made = await house.back_up()
    assert set(files_of(house, made)) == {IMAGE}


async def test_what_was_removed_before_the_moment_is_not_kept(house, monkeypatch):
    house.put("dicom/1.2/1.2.3/unnamed.dcm")

    async def remove():
        (house.lake / "dicom/1.2/1.2.3/unnamed.dcm").unlink()

    Between(monkeypatch, remove)
    assert set(files_of(house, await house.back_up())) == {IMAGE}


async def test_a_file_that_the_lake_lacks_is_told(house):
    (house.lake / IMAGE).unlink()
    made = await house.back_up()
    assert (made.missing, made.missing_files) == ([IMAGE], 1)


async def test_a_writer_that_has_begun_ends_before_the_moment(house, writer):
    writer.execute(
        "INSERT INTO revocation (kind, value, not_before, expires_at)"
        " VALUES ('session', 'x', 0, '2030-01-01')"
    )
    told = []
    backing_up = asyncio.create_task(
        making.make_backup(house.settings, house.place, say=told.append)
    )
    async with asyncio.timeout(30):
        while "copying databases" not in told:
            await asyncio.sleep(0.01)
    assert not backing_up.done()
    writer.execute("COMMIT")
    made = await backing_up
    path = house.place.folder(made.name) / "databases" / "exam-manager.sqlite"
    with closing(sqlite3.connect(path)) as copy:
        assert copy.execute("SELECT count(*) FROM revocation").fetchone() == (1,)


@pytest.mark.parametrize("damage", ["object", "database", "list"])
async def test_damage_is_found_and_not_restored(house, tmp_path, damage):
    made = await house.back_up()
    folder = house.place.folder(made.name)
    path = {
        "object": house.place.object_path(files_of(house, made)[IMAGE]),
        "database": folder / "databases" / "exam-manager.sqlite",
        "list": folder / FILES,
    }[damage]
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert list(verify(house.place, "latest")) != []
    target = InstallationSettings(data_dir=tmp_path / "new")
    with pytest.raises(BackupError, match="damaged"):
        await restore(target, house.place, "latest", say=say)
    with pytest.raises(ConflictError, match="not restored to the end"):
        target.prepare()


async def test_nothing_is_restored_over_something(house, tmp_path):
    await house.back_up()
    with pytest.raises(ConflictError, match="is not empty"):
        await restore(house.settings, house.place, "latest", say=say)
    other = tmp_path / "exam.sqlite"
    other.touch()
    target = InstallationSettings(
        data_dir=tmp_path / "new", exam_database_url=f"sqlite+aiosqlite:///{other}"
    )
    with pytest.raises(ConflictError, match="is there already"):
        await restore(target, house.place, "latest", say=say)
    assert not target.data_dir.exists()


async def test_keys_that_are_there_stay_and_have_to_be_those_of_the_backup(house, tmp_path):
    """As where they are secrets of containers, in a folder that cannot be written to."""
    before = sorted(house.settings.keys_dir.rglob("*"))
    made = await house.back_up()
    assert sorted(house.settings.keys_dir.rglob("*")) == before
    keys = tmp_path / "secrets"
    shutil.copytree(house.place.folder(made.name) / "keys", keys)
    key = keys / "device-tokens.key"
    told = {"data_dir": tmp_path / "new", "keys_folder": keys}
    right = key.read_text()
    key.write_text("f" * 64)
    with pytest.raises(ConflictError, match=r"device-tokens\.key in .* not the one of the backup"):
        await restore(InstallationSettings(**told), house.place, "latest", say=say)
    assert not (tmp_path / "new").exists()
    key.write_text(right)
    status = key.stat()
    await restore(InstallationSettings(**told), house.place, "latest", say=say)
    assert (key.stat().st_ino, key.stat().st_mtime_ns) == (status.st_ino, status.st_mtime_ns)


@pytest.fixture
def writer(house):
    """Somebody who writes and does not come to an end."""
    path = house.settings.data_dir / "databases" / "exam-manager.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection


async def test_a_backup_that_is_killed_does_not_count_and_the_next_one_clears_it(
    house, writer, tmp_path
):
    arguments = ["backup", str(house.place.root), "--data-dir", str(house.settings.data_dir)]
    with (tmp_path / "said").open("wb") as log:
        program = await start_program("-m", "scanhub", *arguments, log=log)
    async with asyncio.timeout(60):
        while b"copying databases" not in (tmp_path / "said").read_bytes():
            await asyncio.sleep(0.01)
    program.send_signal(signal.SIGKILL)
    await program.wait()
    assert list(house.place.backups.glob(".*.part"))
    with pytest.raises(NotFoundError, match="none is there"):
        house.place.folder("latest")
    writer.execute("COMMIT")
    await house.back_up()
    assert not list(house.place.backups.glob(".*.part"))
    assert not list(house.place.objects.glob(".coming-*"))
    assert list(verify(house.place, "latest")) == []


async def test_only_one_backup_is_made_at_a_time(house):
    with house.place.writing(), pytest.raises(ConflictError, match="Another backup"):
        await house.back_up()


async def test_older_backups_go_with_what_only_they_had(house):
    old = house.put("old.bin", b"old")
    first = await house.back_up()
    old.unlink()
    await house.back_up()
    third = await house.back_up(keep=1)
    assert house.place.names() == [third.name]
    assert list(verify(house.place, third.name)) == []
    assert len(list(house.place.objects.glob("??/*"))) == 1
    with pytest.raises(NotFoundError, match=third.name):
        house.place.folder(first.name)


async def test_a_manifest_of_another_format_is_not_read(house):
    made = await house.back_up()
    path = house.place.folder(made.name) / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 2}))
    with pytest.raises(BackupError, match="has format 2"):
        list(verify(house.place, "latest"))


async def test_writers_of_postgresql_are_not_held_up_by_one_that_takes_long(postgresql_house):
    """The backup gives way, and takes its moment when that one has ended."""
    house = postgresql_house
    connection = await connect(house.settings.database_url("workflow-manager"))
    await connection.execute("BEGIN")
    await connection.execute("UPDATE dicom_series SET number_of_series_related_instances = 1")
    backing_up = asyncio.create_task(house.back_up())
    other = await connect(house.settings.database_url("workflow-manager"))
    async with asyncio.timeout(30):
        while not await other.fetchval(
            "SELECT count(*) FROM pg_locks WHERE mode = 'ShareLock' AND relation IS NOT NULL"
        ):
            await asyncio.sleep(0.01)
        await other.execute("UPDATE dicom_study SET study_instance_uid = study_instance_uid")
    assert not backing_up.done()
    await connection.execute("COMMIT")
    made = await backing_up
    await connection.close()
    await other.close()
    assert made.missing_files == 0


def test_tables_are_filled_after_those_they_refer_to():
    assert in_order(["a", "b", "c"], [("a", "b"), ("b", "c"), ("c", "elsewhere")]) == [
        "c",
        "b",
        "a",
    ]
    with pytest.raises(BackupError, match="a, b"):
        in_order(["a", "b"], [("a", "b"), ("b", "a")])


# --- results in a bucket --------------------------------------------------------------------------


@pytest.fixture
def bucket():
    with bucket_services() as endpoint:
        yield new_bucket(endpoint, "results")


def in_bucket(settings, bucket):
    changes = {
        "lake_url": f"s3://{bucket.options.name}/{bucket.options.prefix}",
        "lake_endpoint": bucket.options.endpoint,
        "lake_access_key_id": "id",
        "lake_secret_access_key": bucket.options.secret_access_key,
    }
    return settings.model_copy(update=changes)


async def test_what_lies_in_a_bucket_is_noted_and_looked_for_by_a_restore(house, bucket, tmp_path):
    house.settings = in_bucket(house.settings, bucket)
    lake = BucketLake(house.lake, house.settings.lake_bucket)
    await lake.put("lake/w/t/r/data.mrd", b"raw data")
    await house.receive("lake/w/t/r/data.mrd", uid="1.2.3.4.5")  # as the databases name a result
    made = await house.back_up()
    assert (made.bucket, made.bucket_files, made.missing_files) == ("s3://results/hospital", 1, 0)
    assert sorted(files_of(house, made)) == [IMAGE], "no copies"
    assert list(verify(house.place, "latest")) == []
    elsewhere = InstallationSettings(data_dir=tmp_path / "new")
    with pytest.raises(BackupError, match=r"s3://results/hospital: set SCANHUB_LAKE_URL"):
        await restore(elsewhere, house.place, "latest", say=say)
    assert not elsewhere.data_dir.exists()
    said = []
    await restore(in_bucket(elsewhere, bucket), house.place, "latest", say=said.append)
    assert [text for text in said if "bucket" in text] == []
    await lake.delete("lake/w/t/r/data.mrd")
    newer = in_bucket(InstallationSettings(data_dir=tmp_path / "newer"), bucket)
    await restore(newer, house.place, "latest", say=said.append)
    (told,) = [text for text in said if "bucket" in text]
    assert "1 of 1 objects are not in the bucket" in told
    assert "lake/w/t/r/data.mrd" in told


async def test_a_bucket_that_is_away_makes_no_backup(house, bucket, monkeypatch):
    monkeypatch.setattr("scanhub_libraries.bucket._RETRIES", 0)
    away = bucket.options.model_copy(update={"endpoint": "http://127.0.0.1:9"})
    bucket.options = away
    house.settings = in_bucket(house.settings, bucket)
    with pytest.raises(BackupError, match="nobody answers for the bucket"):
        await house.back_up()
    assert house.place.names() == []
