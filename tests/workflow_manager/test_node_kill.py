"""kill -9 at each step of receiving: what was answered with success is there, once."""

import asyncio
import json
import os
import shutil
import signal
import sqlite3
import threading
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sa
from images import SERIES
from nursery import start_program
from raw_sender import RawSender, store
from test_node import data_set
from workflow_service import a_port, until

SCRIPT = Path(__file__).parent / "node_for_test.py"
SPOTS = ("before the files", "before the rename", "before the commit")
DAILY = "before the commit"
RARE = ("before the event", "after the commit")
"""Of a series only its first image has an event; and many files are put away at once."""
pytestmark = pytest.mark.timeout(300)


def _send_all(sender, data):
    with suppress(OSError):
        sender.send(data)


class Place:
    """A folder in which nodes are started and killed."""

    def __init__(self, folder, port, empty):
        self.folder, self.port = folder, port
        shutil.copyfile(empty, folder / "workflow.sqlite")

    async def start(self, **told):
        told = json.dumps({"dicom_port": self.port, "dicom_listeners": 1, **told})
        process = await start_program(SCRIPT, self.folder, told, talks=True)
        return process, json.loads(await process.stdout.readline())["pids"]

    def send(self, numbers, seen=lambda: None):
        """Send over one association without waiting for answers; return what was accepted."""
        accepted, sender = set(), RawSender(self.port)
        try:
            sent = b"".join(
                store(f"{SERIES}.{n}", data_set(n), message_id=n) for n in sorted(numbers)
            )
            threading.Thread(target=_send_all, args=(sender, sent), daemon=True).start()
            for _ in numbers:
                number, status = sender.status()
                if status == 0:
                    accepted.add(number)
                seen()
            sender.release()
        except (OSError, AssertionError):
            sender.close()
        return accepted

    def rows(self):
        with sqlite3.connect(self.folder / "workflow.sqlite") as connection:
            return dict(
                connection.execute("SELECT instance_number, key FROM dicom_instance").fetchall()
            )

    def left(self):
        folder = self.folder / "lake" / "dicom" / "incoming"
        return [path for path in folder.rglob("*") if path.suffix in {".part", ".dcm"}]


class PlaceOnPostgresql(Place):
    """The same, with the index in PostgreSQL."""

    def __init__(self, folder, port, url):
        self.folder, self.port, self.url = folder, port, url

    async def start(self, **told):
        return await super().start(database_url=self.url, **told)

    def rows(self):
        engine = sa.create_engine(self.url.replace("+asyncpg", "+psycopg"))
        with engine.connect() as connection:
            query = "SELECT instance_number, key FROM dicom_instance"
            found = {row[0]: row[1] for row in connection.execute(sa.text(query))}
        engine.dispose()
        return found


@pytest.fixture
def place(tmp_path, empty_file):
    return Place(tmp_path, a_port(), empty_file("workflow_manager"))


@pytest.fixture
def place_on_postgresql(tmp_path, copied_postgresql):
    return PlaceOnPostgresql(tmp_path, a_port(), copied_postgresql("workflow_manager"))


def assert_all_there(place, numbers):
    rows = place.rows()
    assert set(rows) == set(numbers)
    files = {str(p.relative_to(place.folder / "lake")) for p in lake_files(place)}
    assert files == set(rows.values())
    for number, key in rows.items():
        assert (place.folder / "lake" / key).read_bytes().endswith(data_set(number))


def lake_files(place):
    root = place.folder / "lake" / "dicom"
    return [p for p in root.rglob("*.dcm") if "incoming" not in p.parts]


async def killed_and_started_again(place, numbers, **told):
    """Let it die while images come, start it again, and send what was not accepted."""
    process, pids = await place.start(**told)
    accepted = await asyncio.to_thread(place.send, numbers)
    assert await asyncio.wait_for(process.wait(), 60) == -signal.SIGKILL
    await until(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in pids))
    late = told.get("dicom_durability") == "unsynced" or told["spot"] == "after the commit"
    assert len(accepted) < len(numbers) or late
    told.pop("spot")
    told.pop("calls")
    process, _ = await place.start(**told)
    await until(lambda: accepted <= set(place.rows()))
    assert await asyncio.to_thread(place.send, numbers - accepted) == numbers - accepted
    await until(lambda: not place.left())
    process.stdin.close()
    assert await asyncio.wait_for(process.wait(), 60) == 0
    assert_all_there(place, numbers)


@pytest.mark.disk
@pytest.mark.parametrize(
    "spot",
    [
        spot if spot == DAILY else pytest.param(spot, marks=pytest.mark.long)
        for spot in (*SPOTS, *RARE)
    ],
)
async def test_a_killed_service_loses_no_image_that_it_accepted(place, spot):
    calls = 1 if spot in RARE else 4
    numbers = set(range(1, 9))
    await killed_and_started_again(place, numbers, spot=spot, calls=calls, dicom_listeners=2)


@pytest.mark.parametrize(
    "spot", ["before the rename", pytest.param("before the commit", marks=pytest.mark.long)]
)
async def test_unsynced_loses_none_either(place, spot):
    await killed_and_started_again(
        place, set(range(1, 9)), spot=spot, calls=2, dicom_durability="unsynced"
    )


@pytest.mark.long
@pytest.mark.parametrize("spot", [*SPOTS, *RARE])
async def test_a_thousand_images_in_flight(place, spot):
    calls = 1 if spot in RARE else 100
    await killed_and_started_again(place, set(range(1, 1001)), spot=spot, calls=calls)


@pytest.mark.long
@pytest.mark.parametrize("spot", [*SPOTS, *RARE])
async def test_a_thousand_images_in_flight_on_postgresql(place_on_postgresql, spot):
    calls = 1 if spot in RARE else 100
    numbers = set(range(1, 1001))
    await killed_and_started_again(place_on_postgresql, numbers, spot=spot, calls=calls)


@pytest.mark.long
async def test_a_listener_that_is_killed_again_and_again_loses_none(place):
    process, (pid,) = await place.start()
    numbers, accepted = set(range(1, 41)), set()
    killed = set()

    def kill_now_and_then():
        if len(killed) < 2:
            found = children_of(process.pid) - killed
            for one in found:
                os.kill(one, signal.SIGKILL)
                killed.add(one)

    while accepted < numbers:
        accepted |= await asyncio.to_thread(place.send, numbers - accepted, kill_now_and_then)
    assert pid in killed
    await until(lambda: not place.left())
    process.stdin.close()
    assert await asyncio.wait_for(process.wait(), 60) == 0
    assert_all_there(place, numbers)


def children_of(pid):
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {int(child) for child in listed}
