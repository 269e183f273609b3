"""Raw data of a scan in a bucket: exam-manager has another folder, and reads them all the same."""

import hashlib

import pytest
from bucket_service import Way, bucket_services, new_bucket
from http_uploads import DATA, Uploader

from scanhub_libraries.ids import new_id

HALF = len(DATA) // 2


@pytest.fixture(scope="module")
def endpoint():
    with bucket_services() as address:
        yield address


@pytest.fixture
def service(endpoint):
    return new_bucket(endpoint, f"b-{new_id().hex}")


async def download(lab, result_id):
    answer = await lab.exam.get(f"/api/v1/exam/result/{result_id}/files/data.mrd")
    assert answer.status_code == 200, answer.text
    return answer.content


async def test_what_came_over_a_link_and_what_came_in_pieces_is_read_elsewhere(make_lab, service):
    async with make_lab(lake_bucket=service.options) as lab, lab.scanner() as scanner:
        start = await lab.started(scanner)
        verdict = await scanner.upload(start, "data.mrd", DATA)
        assert verdict["ok"], verdict
        assert await download(lab, verdict["result_id"]) == DATA
        device = Uploader(lab, start := await lab.started(scanner))
        place = await device.begin("data.mrd", DATA)
        assert (await device.send(place, 0, DATA[:HALF])).status_code == 204
        last = await device.send(place, HALF, DATA[HALF:])
        assert last.status_code == 204
        assert await download(lab, last.headers["Upload-Result-Id"]) == DATA
        assert (device.unfinished(), lab.files()) == ([], [])
        of_files = [key for key in service.stored() if key.endswith("/data.mrd")]
        assert len(of_files) == 2


@pytest.mark.long
async def test_a_bucket_that_is_away_loses_nothing_and_the_device_goes_on(
    make_lab, service, monkeypatch
):
    monkeypatch.setattr("scanhub_libraries.bucket._RETRIES", 0)
    way = Way(service.options.endpoint)
    options = service.options.model_copy(update={"endpoint": way.endpoint})
    async with make_lab(lake_bucket=options) as lab, lab.scanner() as scanner:
        device = Uploader(lab, start := await lab.started(scanner))
        place = await device.begin("data.mrd", DATA)
        way.open = False
        sent = await device.send(place, 0, DATA)
        assert (sent.status_code, sent.json()["type"]) == (503, "/problems/unavailable"), sent.text
        assert "nobody answers for the bucket" in sent.json()["detail"]
        assert (await lab.task(start["id"]))["status"] == "INPROGRESS"
        way.open = True
        offset = await device.offset(place)
        assert offset == len(DATA), "what came is kept"
        last = await device.send(place, offset, DATA[offset:])
        assert last.status_code == 204, last.text
        got = await download(lab, last.headers["Upload-Result-Id"])
        assert hashlib.sha256(got).digest() == hashlib.sha256(DATA).digest()
    way.close()
