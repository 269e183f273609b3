"""No room: told before the data are lost, and gone on with once there is room."""

import asyncio
import errno
from datetime import timedelta

import pytest
from http_uploads import DATA, Uploader
from scanner_lab import DEVICE

from scanhub_libraries.lake import LocalLake
from scanhub_libraries.lake_unfinished import LocalUnfinishedFile

HALF = len(DATA) // 2


class TightFile(LocalUnfinishedFile):
    """A file on a disk that becomes full in the middle of a write."""

    def __init__(self, lake: "TightLake", name: str) -> None:
        super().__init__(lake.root, lake.root / "uploads" / f"{name}.part")
        self._lake = lake

    def _write(self, rest, hash_too):
        fits = rest[: max(0, self._lake.most - self.size)]
        super()._write(fits, hash_too)
        if len(fits) < len(rest):
            raise OSError(errno.ENOSPC, "No space left on device")


class TightLake(LocalLake):
    """A lake whose disk takes `most` bytes of an upload."""

    most = HALF

    def unfinished(self, name):
        return TightFile(self, name)


@pytest.mark.parametrize("limits", [{"min_free_bytes": 1 << 60}, {"upload_quota_bytes": 1000}])
async def test_a_file_that_would_not_fit_is_refused_before_its_first_byte(make_lab, limits):
    async with make_lab(**limits) as lab, lab.scanner() as scanner:
        device = Uploader(lab, start := await lab.started(scanner))
        answer = await device.announce("data.mrd", DATA)
        assert answer.status_code == 507
        assert "Keep the file" in answer.json()["detail"]
        verdict = await scanner.upload(start, "data.mrd", DATA)
        assert verdict["ok"] is False
        assert "Keep the file" in verdict["message"]
        assert lab.files() == []
        assert device.unfinished() == []
        assert (await lab.task(start["id"]))["status"] == "INPROGRESS"


async def test_the_quota_counts_what_is_not_finished(make_lab):
    async with make_lab(upload_quota_bytes=2 * len(DATA)) as lab, lab.scanner() as scanner:
        device = Uploader(lab, start := await lab.started(scanner))
        first = await device.begin("a.mrd", DATA)
        await device.begin("b.mrd", DATA)
        assert (await device.announce("c.mrd", DATA)).status_code == 507
        assert (await device.announce("a.mrd", DATA)).status_code == 201
        assert (await scanner.upload(start, "c.mrd", DATA))["ok"] is False
        assert (await device.send(first, 0, DATA)).status_code == 204
        assert (await device.announce("c.mrd", DATA)).status_code == 201


async def test_files_that_are_announced_at_once_do_not_get_the_same_room(make_lab):
    async with make_lab(upload_quota_bytes=2 * len(DATA)) as lab, lab.scanner() as scanner:
        device = Uploader(lab, await lab.started(scanner))
        answers = await asyncio.gather(
            *(device.announce(f"{number}.mrd", DATA) for number in range(5))
        )
        assert sorted(answer.status_code for answer in answers) == [201, 201, 507, 507, 507]


async def test_a_disk_that_becomes_full_keeps_what_came_and_goes_on_when_there_is_room(
    make_lab, tmp_path
):
    lake = TightLake(tmp_path)
    async with make_lab(lake=lake) as lab, lab.scanner() as scanner:
        device = Uploader(lab, start := await lab.started(scanner))
        place = await device.begin("data.mrd", DATA)
        answer = await device.send(place, 0, DATA)
        assert answer.status_code == 507
        assert "keep the file" in answer.json()["detail"]
        assert answer.headers["Upload-Offset"] == str(HALF)
        assert await device.offset(place) == HALF
        assert device.unfinished() == [HALF]
        assert (await lab.task(start["id"]))["results"] == []
        lake.most = len(DATA)
        assert (await device.send(place, HALF, DATA[HALF:])).status_code == 204
        assert (await lab.task(start["id"]))["status"] == "FINISHED"


async def test_uploads_of_a_scan_that_runs_are_never_removed_and_others_after_a_time(make_lab):
    async with make_lab(lost_after_seconds=10, upload_expiry_seconds=0.4) as lab:
        async with lab.scanner() as scanner:
            device = Uploader(lab, start := await lab.started(scanner))
            place = await device.begin("data.mrd", DATA)
            await device.send(place, 0, DATA[:HALF])
            await asyncio.sleep(1.0)
            assert await device.offset(place) == HALF
            await scanner.status("ERROR", start, error_message="no signal")
            await lab.acquisition_becomes(start["id"], "failed")

        async def sizes():
            return device.unfinished()

        await lab.eventually(sizes, lambda sizes: sizes == [])
        assert (await device.ask(place)).status_code == 404
        assert (await lab.http.get(f"{DEVICE}/uploads")).json() == []

        async def told():
            return [event.data for event in lab.events if event.type == "upload.expired"]

        [event] = await lab.eventually(told, lambda events: len(events) == 1)
        assert (event["filename"], event["offset"]) == ("data.mrd", HALF)


async def test_data_that_come_keep_a_scan_whose_link_is_down(make_lab):
    deadlines = {"lost_after_seconds": 0.2, "return_deadline_seconds": 0.2}
    async with make_lab(**deadlines, data_deadline_seconds=30) as lab:
        async with lab.scanner() as scanner:
            device = Uploader(lab, start := await lab.started(scanner))
            place = await device.begin("data.mrd", DATA)
        for offset in range(0, len(DATA), HALF):
            await asyncio.sleep(0.5)
            answer = await device.send(place, offset, DATA[offset : offset + HALF])
            assert answer.status_code == 204
        assert (await lab.task(start["id"]))["status"] == "FINISHED"


async def test_the_list_tells_when_an_upload_expires(lab):
    async with lab.scanner() as scanner:
        device = Uploader(lab, await lab.started(scanner))
        place = await device.begin("data.mrd", DATA)
        await device.send(place, 0, DATA[:HALF])
        path = f"{DEVICE}/uploads?device_id={scanner.device_id}"
        [told] = (await lab.http.get(path)).json()
        assert (told["offset"], told["size_bytes"]) == (HALF, len(DATA))
        assert told["expires_at"] > told["touched_at"]
        answer = await device.ask(place)
        assert answer.headers["Upload-Expires"].endswith("GMT")
        assert lab.app.state.reception.expiry == timedelta(days=1)
