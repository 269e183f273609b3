"""Files whose checksum comes behind their last byte, over HTTP and over the link."""

import hashlib

import pytest
from http_uploads import DATA, PIECE, TUS, Uploader, metadata
from scanner_lab import DEVICE

SUM = hashlib.sha256(DATA).digest()
HALF = len(DATA) // 2
SMALL = bytes(range(256)) * 1000
SMALL_SUM = hashlib.sha256(SMALL).digest()


def announcement(device, filename, *, trailer="sha256", **told):
    return {
        **device.token,
        "Upload-Length": str(len(DATA)),
        "Upload-Metadata": metadata(filename=filename, **told),
        "Upload-Trailer": trailer,
    }


async def begun(lab, device, filename="data.mrd"):
    headers = {**TUS, **announcement(device, filename)}
    answer = await lab.http.post(f"{DEVICE}/uploads", headers=headers)
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, "0")
    return answer.headers["Location"]


async def test_a_file_is_whole_with_the_sum_behind_it(lab):
    async with lab.scanner() as scanner:
        device = Uploader(lab, start := await lab.started(scanner))
        assert start["upload_trailer"] == "sha256"
        headers = {**PIECE, **announcement(device, "data.mrd")}
        answer = await lab.http.post(f"{DEVICE}/uploads", headers=headers, content=DATA + SUM)
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, str(len(DATA)))
        result_id = answer.headers["Upload-Result-Id"]
        assert (lab.folder(start, result_id) / "data.mrd").read_bytes() == DATA
        (result,) = (await lab.task(start["id"]))["results"]
        assert (result["id"], result["meta"]["sha256"]) == (result_id, SUM.hex())
        again = await device.announce("data.mrd", DATA)
        assert again.headers["Upload-Result-Id"] == result_id


async def test_the_sum_may_come_with_the_last_of_several_pieces(lab):
    async with lab.scanner() as scanner:
        device = Uploader(lab, start := await lab.started(scanner))
        place = await begun(lab, device)
        assert (await device.send(place, 0, DATA[:HALF])).status_code == 204
        last = await device.send(place, HALF, DATA[HALF:] + SUM, Upload_Trailer="sha256")
        assert (last.status_code, "Upload-Result-Id" in last.headers) == (204, True)
        assert (await lab.task(start["id"]))["status"] == "FINISHED"


async def test_a_wrong_sum_drops_the_file(lab):
    async with lab.scanner() as scanner:
        device = Uploader(lab, start := await lab.started(scanner))
        headers = {**PIECE, **announcement(device, "data.mrd")}
        wrong = await lab.http.post(f"{DEVICE}/uploads", headers=headers, content=DATA + bytes(32))
        assert (wrong.status_code, wrong.headers["Upload-Offset"]) == (460, "0")
        assert (device.unfinished(), lab.files()) == ([], [])
        assert (await lab.task(start["id"]))["results"] == []
        assert (await device.upload("data.mrd", DATA)).status_code == 204


async def test_a_file_without_its_sum_is_not_whole(lab):
    """Every byte has come, but the connection broke before the sum: nobody knows if it is right."""
    async with lab.scanner() as scanner:
        device = Uploader(lab, start := await lab.started(scanner))
        place = await begun(lab, device)
        cut = await device.send(place, 0, DATA + SUM[:31], Upload_Trailer="sha256")
        assert (cut.status_code, "Upload-Result-Id" in cut.headers) == (204, False)
        await lab.app.state.reception.resume()  # as after a restart
        asked = await device.ask(place)
        assert (asked.headers["Upload-Offset"], "Upload-Expires" in asked.headers) == (
            str(len(DATA)),
            True,
        )
        assert (await lab.task(start["id"]))["results"] == []
        known = await device.announce("data.mrd", DATA)  # with its sum
        assert known.headers["Location"] == place
        result_id = known.headers["Upload-Result-Id"]
        task = await lab.task_becomes(start["id"], "FINISHED")
        assert [result["id"] for result in task["results"]] == [result_id]


async def test_another_file_of_the_name_of_one_without_sum_is_dropped_at_its_end(lab):
    async with lab.scanner() as scanner:
        device = Uploader(lab, await lab.started(scanner))
        place = await begun(lab, device)
        assert (await device.send(place, 0, DATA[:HALF])).status_code == 204
        other = DATA[::-1]
        assert await device.begin("data.mrd", other) == place
        wrong = await device.send(place, HALF, other[HALF:])
        assert (wrong.status_code, wrong.headers["Upload-Offset"]) == (460, "0")
        assert (await device.upload("data.mrd", other)).status_code == 204


async def test_other_trailers_and_contradictions_are_refused(lab):
    async with lab.scanner() as scanner:
        device = Uploader(lab, await lab.started(scanner))
        headers = {**TUS, **announcement(device, "data.mrd", trailer="md5")}
        refused = await lab.http.post(f"{DEVICE}/uploads", headers=headers)
        assert (refused.status_code, "Upload-Trailer" in refused.text) == (400, True)
        place = await device.begin("data.mrd", DATA)
        other = await device.send(place, 0, DATA + bytes(32), Upload_Trailer="sha256")
        assert (other.status_code, "Upload-Trailer" in other.text) == (422, True)
        many = await device.send(place, len(DATA), SUM + b"!", Upload_Trailer="sha256")
        assert many.status_code == 413


@pytest.mark.parametrize("step", [len(SMALL) + 32, 100_000, len(SMALL)])
async def test_over_the_link_the_sum_comes_in_binary_frames_too(lab, step):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        await scanner.announce(start, "data.mrd", SMALL, sha256=None, trailer="sha256")
        content = SMALL + SMALL_SUM
        for begin in range(0, len(content), step):
            await scanner.send_bytes(content[begin : begin + step])
        verdict = await scanner.verdict("data.mrd")
        assert verdict["ok"], verdict
        folder = lab.folder(start, verdict["result_id"])
        assert (folder / "data.mrd").read_bytes() == SMALL


async def test_over_the_link_a_wrong_sum_stores_nothing(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        await scanner.announce(start, "data.mrd", SMALL, sha256=None, trailer="sha256")
        await scanner.send_bytes(SMALL + bytes(32))
        verdict = await scanner.verdict("data.mrd")
        assert (verdict["ok"], "sha256" in verdict["message"]) == (False, True)
        assert lab.files() == []
        assert (await scanner.upload(start, "data.mrd", SMALL))["ok"]


async def test_over_the_link_a_file_without_its_sum_is_none(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        await scanner.announce(start, "data.mrd", SMALL, sha256=None, trailer="sha256")
        await scanner.send_bytes(SMALL)
        await scanner.announce(start, "other.mrd", SMALL)
        verdict = await scanner.verdict("data.mrd")
        assert verdict["ok"] is False
        await scanner.send_bytes(SMALL)
        assert (await scanner.verdict("other.mrd"))["ok"]
