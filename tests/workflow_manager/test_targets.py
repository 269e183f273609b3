"""Targets are configured once, their secrets are never read back; sending them is in order."""

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from alembic import command
from pydantic import ValidationError
from raw_files import Scan
from workflow_service import WORKFLOW, a_port, until

from scanhub_libraries.database import sqlite_url
from scanhub_libraries.migrate import alembic_config, upgrade
from workflow_manager.dispatch.rules import OffPeak, Priority, highest, parse_clock, urgent_first


def folder_target(folder, **changes):
    return {"name": "Share", "target_type": "folder", "folder": str(folder), **changes}


SFTP = {
    "name": "Far",
    "target_type": "sftp",
    "host": "far.example",
    "folder": "/data",
    "user": "scanhub",
}


async def post(service, path, expected=201, **options):
    answer = await service.user.post(f"{WORKFLOW}{path}", **options)
    assert answer.status_code == expected, answer.text
    return answer.json() if answer.content else None


@pytest.fixture
async def finished_scan(clinic):
    await clinic.measure(Scan((16, 16, 3), (160, 160, 160)))


async def the_dispatch(service, clinic, *statuses, target="Share"):
    async def reached():
        rows = await service.get(f"/dispatches?exam_id={clinic.exam_id}&target={target}")
        return rows[0] if rows and rows[0]["status"] in statuses else None

    return await until(reached)


async def test_a_secret_is_kept_changed_and_removed_and_never_told(service, tmp_path):
    made = await post(service, "/targets", json={**SFTP, "password": "hush-1", "private_key": "k"})
    assert made["secrets"] == ["password", "private_key"]
    assert "password" not in made
    url = f"{WORKFLOW}/targets/Far"
    kept = await service.user.put(url, json={**SFTP, "user": "other"})
    assert (kept.json()["secrets"], kept.json()["user"]) == (["password", "private_key"], "other")
    changed = await service.user.put(url, json={**SFTP, "password": "hush-2", "private_key": None})
    assert changed.json()["secrets"] == ["password"]
    events = [e for e in await service.get("/journal") if e["type"] == "target.updated"]
    assert events[1]["data"]["changed"] == ["password", "private_key", "user"]
    told = json.dumps([await service.get("/targets"), await service.get("/journal"), made])
    assert "hush" not in told
    assert b"hush" not in (tmp_path / "workflow.sqlite").read_bytes()
    other_type = await service.user.put(url, json={"name": "Far", "target_type": "dummy"})
    assert other_type.json()["secrets"] == []


async def test_without_a_key_no_secret_is_taken(serving):
    async with serving(secrets_key=None) as service:
        await post(service, "/targets", expected=503, json={**SFTP, "password": "hush"})
        assert await service.get("/targets") == []
        assert (await post(service, "/targets", json=SFTP))["secrets"] == []


async def test_a_target_has_a_version_and_a_late_edit_is_refused(service, tmp_path):
    made = await service.user.post(f"{WORKFLOW}/targets", json=folder_target(tmp_path / "to"))
    url, first = f"{WORKFLOW}/targets/Share", {"If-Match": made.headers["ETag"]}
    changed = folder_target(tmp_path / "other")
    assert (await service.user.put(url, json=changed, headers=first)).status_code == 200
    assert (await service.user.put(url, json=changed, headers=first)).status_code == 412
    assert (await service.user.delete(url, headers=first)).status_code == 412
    assert (await service.user.get(url)).headers["ETag"] == '"2"'


async def test_a_folder_among_our_own_files_is_refused(service):
    root = service.wiring.lake.root
    for folder in (root, root / "dicom", root.parent):
        await post(service, "/targets", expected=422, json=folder_target(folder))


async def test_paused_sending_waits_with_who_and_why_and_goes_on_after_a_restart(
    serving, clinic, finished_scan, tmp_path
):
    (tmp_path / "to").mkdir()
    async with serving() as service:
        await post(service, "/targets", json=folder_target(tmp_path / "to"))
        await post(service, "/targets/Share/pause", expected=200, json={"reason": "Full."})
        await post(service, "/targets/Share/pause", expected=200)
        await service.deliver(await clinic.event())
        waiting = await the_dispatch(service, clinic, "queued")
        assert waiting["waits_for"].startswith("Paused by user:tester since ")
        assert waiting["waits_for"].endswith(": Full.")
    async with serving() as service:
        (pause,) = await service.get("/dispatches/pauses")
        assert (pause["target"], pause["paused_by"]) == ("Share", "user:tester")
        assert (await the_dispatch(service, clinic, "queued"))["attempt"] == 1
        await post(service, "/dispatches/pause", expected=200)
        await post(service, "/targets/Share/resume", expected=204)
        (pause,) = await service.get("/dispatches/pauses")
        assert pause["target"] is None
        assert (await the_dispatch(service, clinic, "queued"))["sent"] == 0
        await post(service, "/dispatches/resume", expected=204)
        assert (await the_dispatch(service, clinic, "sent"))["sent"] == 3
    assert len(list((tmp_path / "to").glob("*/*.dcm"))) == 3


@asynccontextmanager
async def silent_node():
    """A port that takes connections and says nothing."""
    writers = []
    server = await asyncio.start_server(lambda _, writer: writers.append(writer), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
    for writer in writers:
        writer.close()


async def test_a_dead_target_holds_up_no_other(service, clinic, finished_scan, tmp_path):
    (tmp_path / "to").mkdir()
    async with silent_node() as port:
        dead = {"name": "Dead", "ip": "127.0.0.1", "port": port, "aet_target": "DEAD"}
        await post(service, "/targets", json=dead)
        await post(service, "/targets", json=folder_target(tmp_path / "to"))
        await service.deliver(await clinic.event())
        assert (await the_dispatch(service, clinic, "sent"))["sent"] == 3
        held = await the_dispatch(service, clinic, "sending", "waiting", target="Dead")
        assert held["sent"] == 0


async def test_what_cannot_be_sent_is_canceled_redirected_and_sent_again(
    serving, clinic, finished_scan, tmp_path
):
    (tmp_path / "to").mkdir()
    async with serving(dispatch_backoff_s=(600.0,)) as service:
        await post(service, "/targets", json=folder_target(tmp_path / "gone", name="Gone"))
        await service.deliver(await clinic.event())
        waiting = await the_dispatch(service, clinic, "waiting", target="Gone")
        assert waiting["waits_for"].startswith("The next attempt, at ")
        await post(service, "/targets", json=folder_target(tmp_path / "to"))
        path = f"/dispatches/{waiting['id']}"
        other = await post(service, f"{path}/redirect", expected=200, json={"target": "Share"})
        assert other["target"] == "Share"
        sent = await the_dispatch(service, clinic, "sent")
        assert sent["id"] == other["id"]
        left = await the_dispatch(service, clinic, "canceled", target="Gone")
        assert left["error"] == "Sent to 'Share' instead, by user:tester."
        await post(service, f"{path}/cancel", expected=409)
        (tmp_path / "gone").mkdir()
        await post(service, f"{path}/retry", expected=200)
        assert (await the_dispatch(service, clinic, "sent", target="Gone"))["sent"] == 3
        for file in (tmp_path / "to").glob("*/*.dcm"):
            file.unlink()
        await post(service, f"/dispatches/{sent['id']}/retry", expected=409)
        await post(service, f"/dispatches/{sent['id']}/retry?again=true", expected=200)
        await until(lambda: len(list((tmp_path / "to").glob("*/*.dcm"))) == 3)


async def test_a_target_that_comes_back_gets_what_was_canceled_when_it_went(
    serving, clinic, finished_scan, tmp_path
):
    async with serving(dispatch_backoff_s=(600.0,)) as service:
        await post(service, "/targets", json=folder_target(tmp_path / "to"))
        await service.deliver(await clinic.event())
        waiting = await the_dispatch(service, clinic, "waiting")
        assert (await service.user.delete(f"{WORKFLOW}/targets/Share")).status_code == 204
        await the_dispatch(service, clinic, "canceled")
        await post(service, f"/dispatches/{waiting['id']}/retry", expected=404)
        (tmp_path / "to").mkdir()
        await post(service, "/targets", json=folder_target(tmp_path / "to"))
        await post(service, f"/dispatches/{waiting['id']}/retry", expected=200)
        assert (await the_dispatch(service, clinic, "sent"))["sent"] == 3


# --- rules ----------------------------------------------------------------------------------------


def test_every_third_turn_is_not_for_the_urgent_ones():
    assert [urgent_first(turn) for turn in range(1, 7)] == [True, True, False] * 2
    assert highest([Priority.OFFPEAK, Priority.URGENT, Priority.NORMAL]) is Priority.URGENT
    assert highest([]) is Priority.NORMAL


BERLIN = ZoneInfo("Europe/Berlin")


def at(text, zone=BERLIN):
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


@pytest.mark.parametrize(
    ("clock", "open_"),
    [
        ("21:59:59", False),
        ("22:00:00", True),
        ("00:00:00", True),
        ("06:00:00", True),
        ("06:00:01", False),
        ("12:00:00", False),
    ],
)
def test_off_peak_wraps_midnight_and_both_ends_belong_to_it(clock, open_):
    window = OffPeak(time(22), time(6), BERLIN)
    assert window.is_open(at(f"2026-01-15T{clock}")) is open_


def test_off_peak_opens_by_the_clock_on_the_wall():
    window = OffPeak(time(22), time(6), BERLIN)
    assert window.opens_at(at("2026-01-15T12:00")) == at("2026-01-15T22:00")
    assert window.opens_at(at("2026-01-15T23:00")) == at("2026-01-15T23:00")
    morning = OffPeak(time(2, 30), time(4), BERLIN)
    assert morning.opens_at(at("2026-01-15T05:00")) == at("2026-01-16T02:30")
    assert OffPeak(time(3), time(3), BERLIN).is_open(at("2026-01-15T12:00"))


@pytest.mark.parametrize("text", ["", "24:00", "22", "22:60", "10 pm", "2:00"])
def test_hours_that_are_none_are_refused_when_they_are_set(text, make_settings):
    with pytest.raises(ValueError, match="no time of day"):
        parse_clock(text)
    with pytest.raises(ValidationError, match="no time of day"):
        make_settings(offpeak_start=text)


def test_a_time_zone_that_is_none_is_refused(make_settings):
    with pytest.raises(ValidationError, match="no time zone"):
        make_settings(offpeak_time_zone="Mars/Olympus")


# --- the database ---------------------------------------------------------------------------------


def test_targets_of_an_older_version_are_kept(tmp_path):
    url = sqlite_url(tmp_path / "old.sqlite")
    command.upgrade(alembic_config("workflow_manager", url), "0007")
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'old.sqlite'}")
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO target VALUES ('PACS', 'dicom', '10.0.0.9', 104, 'PACS', 'SCANHUB', 1,"
            " 'main', '2026-01-01 00:00:00', NULL)"
        )
    upgrade("workflow_manager", url)
    with engine.connect() as connection:
        (row,) = connection.exec_driver_sql("SELECT * FROM target").mappings()
    engine.dispose()
    document = json.loads(row["document"])
    assert (row["name"], row["version"], document["ip"]) == ("PACS", 1, "10.0.0.9")
    assert (document["port"], document["comment"]) == (104, "main")


async def test_a_port_nobody_listens_at_is_named(service):
    port = a_port()
    node = {"name": "N", "ip": "127.0.0.1", "port": port, "aet_target": "N"}
    await post(service, "/targets", json=node)
    test = await post(service, "/targets/N/test", expected=200)
    assert [step["name"] for step in test["steps"]] == ["name", "connection"]
    assert (test["ok"], test["steps"][-1]["ok"]) == (False, False)
