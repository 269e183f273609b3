"""Previews of scans that still run, made of what their devices stream."""

import io
import os
import time
from uuid import uuid4

import numpy as np
import pytest
from PIL import Image
from raw_files import Scan, write
from streams import messages_of
from workflow_service import WORKFLOW, until

from scanhub_jobs.cartesian import reconstruct_cartesian
from scanhub_libraries.clock import utc_now
from scanhub_libraries.lake import stream_key
from workflow_manager.main import close_streams

TWO = Scan(matrix=(32, 24, 1), positions=[(0, 0, -9), (0, 0, 9)], fov=(160, 144, 8))


class Device:
    """A device that streams: what device-manager does of it."""

    def __init__(self, service, folder, scan=TWO):
        self.service = service
        self.acquisition_id, self.task_id = str(uuid4()), str(uuid4())
        path = write(folder / f"{self.acquisition_id}.mrd", scan)
        self.header, *self.readouts, self.end = messages_of(path)
        self.final = reconstruct_cartesian(path).slices
        self.file = service.wiring.lake.root / stream_key(self.acquisition_id)
        self.file.parent.mkdir(exist_ok=True)
        self.file.touch()

    def send(self, *messages):
        with self.file.open("ab") as file:
            file.write(b"".join(messages))

    async def tells(self, kind):
        data = {"acquisition_id": self.acquisition_id, "task_id": self.task_id}
        event = {
            "id": str(uuid4()),
            "type": kind,
            "source": "device-manager",
            "subject": self.acquisition_id,
            "time": utc_now().isoformat(),
            "data": data,
        }
        assert await self.service.deliver(event) == 1

    async def events(self, kind="preview.ready"):
        entries = await self.service.get(f"/journal?limit=1000&subject={self.task_id}")
        return [entry["data"] for entry in entries if entry["type"] == kind]

    async def previews(self):
        return await self.service.get(f"/previews/{self.task_id}")

    async def shows(self, count):
        async def enough():
            found = await self.previews()
            return found if len(found) >= count else None

        return await until(enough)


@pytest.fixture
async def quick(serving):
    async with serving(preview_delay_s=0) as service:
        yield service


@pytest.fixture
def device(quick, tmp_path):
    return Device(quick, tmp_path)


async def test_the_first_image_is_shown_before_the_second_slice_is_acquired(quick, device):
    device.send(device.header, *device.readouts[:24])
    await device.tells("stream.started")
    (first,) = await device.shows(1)
    assert (first["number"], first["slice"], first["task_id"]) == (1, 0, device.task_id)
    (event,) = await until(device.events)
    assert (event["number"], event["slice"]) == (1, 0)
    assert event["acquisition_id"] == device.acquisition_id
    device.send(*device.readouts[24:], device.end)
    assert [preview["slice"] for preview in await device.shows(2)] == [0, 1]

    async def both_told():
        return len(await device.events()) == 2

    await until(both_told)
    answer = await quick.user.get(first["image"])
    assert answer.headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(answer.content)) as png:
        shown = np.asarray(png).astype(float)
    pixels = device.final[0].pixels
    assert shown.shape == pixels.shape
    inside = (shown > 0) & (shown < 255)
    assert np.corrcoef(shown[inside], pixels[inside])[0, 1] > 0.999


async def test_garbage_is_told_with_the_reason(device):
    device.send(device.header, device.readouts[0], b"\xfe\xed" * 100)
    await device.tells("stream.started")
    (failed,) = await until(lambda: device.events("preview.failed"))
    assert "no session of the MRD protocol" in failed["reason"]
    assert await device.previews() == []


async def test_a_scan_that_ends_is_followed_no_longer(quick, device):
    device.send(device.header, *device.readouts[:24])
    await device.tells("stream.started")
    await device.shows(1)
    await device.tells("acquisition.finished")
    desk = quick.app.state.previews
    await until(lambda: not desk.running)
    device.send(*device.readouts[24:], device.end)
    assert len(await device.previews()) == 1
    assert await device.events("preview.failed") == []


async def test_a_scan_that_is_over_sooner_than_a_job_could_start_is_not_previewed(
    serving, tmp_path
):
    async with serving(preview_delay_s=30) as service:
        device = Device(service, tmp_path)
        device.send(device.header, *device.readouts, device.end)
        await device.tells("stream.started")
        desk = service.app.state.previews
        await until(lambda: desk.running)
        await device.tells("acquisition.finished")
        await until(lambda: not desk.running)
        assert await device.previews() == []


async def test_so_many_scans_are_previewed_at_once_and_no_more(serving, tmp_path):
    async with serving(preview_delay_s=0, previews_at_once=1) as service:
        first, second = Device(service, tmp_path), Device(service, tmp_path)
        first.send(first.header)
        await first.tells("stream.started")
        desk = service.app.state.previews
        await until(lambda: desk.running == 1)
        second.send(second.header, *second.readouts, second.end)
        await second.tells("stream.started")
        first.send(*first.readouts, first.end)
        await first.shows(2)
        assert await second.previews() == []


async def test_a_stream_whose_file_is_gone_is_no_error(quick, device):
    device.file.unlink()
    await device.tells("stream.started")
    desk = quick.app.state.previews
    await until(lambda: desk.running)
    await until(lambda: not desk.running)
    assert await device.previews() == []
    assert await device.events("preview.failed") == []


async def test_the_previews_of_an_earlier_scan_of_the_task_make_room(quick, tmp_path):
    first, second = Device(quick, tmp_path), Device(quick, tmp_path)
    second.task_id = first.task_id
    for device in (first, second):
        device.send(device.header, *device.readouts, device.end)
        await device.tells("stream.started")
        acquisitions = set()
        while acquisitions != {device.acquisition_id}:
            acquisitions = {found["acquisition_id"] for found in await device.shows(2)}
    assert len(await first.previews()) == 2


async def test_old_previews_are_removed(serving, tmp_path):
    old, new = (tmp_path / "lake" / "previews" / str(uuid4()) / "1" for _ in range(2))
    for folder in (old, new):
        folder.mkdir(parents=True)
        (folder / "1.png").touch()
    past = time.time() - 7200
    for path in (old, old.parent):
        os.utime(path, (past, past))
    async with serving():
        await until(lambda: not old.parent.exists())
        assert new.exists()


async def test_what_is_not_there_is_404_and_a_list_without_images_is_empty(quick):
    task = uuid4()
    assert await quick.get(f"/previews/{task}") == []
    for number, status in ((1, 404), (10**9, 404), (10**30, 422), (0, 422), (-1, 422)):
        answer = await quick.user.get(f"{WORKFLOW}/previews/{task}/{uuid4()}/{number}")
        assert answer.status_code == status, number


async def test_a_service_that_begins_to_shut_down_goes_on_answering(quick):
    await close_streams(quick.app)
    assert await quick.get(f"/previews/{uuid4()}") == []


async def test_strangers_see_no_previews(quick, device):
    device.send(device.header, *device.readouts, device.end)
    await device.tells("stream.started")
    (first, *_) = await device.shows(2)
    token = quick.user.headers["Authorization"].removeprefix("Bearer ")
    for path in (f"{WORKFLOW}/previews/{device.task_id}", first["image"]):
        answer = await quick.user.get(path, headers={"Authorization": ""})
        assert answer.status_code == 401
        as_a_browser = {"Authorization": "", "Cookie": f"access_token={token}"}
        assert (await quick.user.get(path, headers=as_a_browser)).status_code == 200
