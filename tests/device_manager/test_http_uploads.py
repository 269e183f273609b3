"""Uploads over HTTP: resumable, checked, one result per file, whatever comes between."""

import asyncio
import hashlib

import pytest
from http_uploads import DATA, PIECE, TUS, Uploader, checksum
from scanner_lab import DEVICE

HALF = len(DATA) // 2


@pytest.mark.disk
async def test_a_file_in_two_pieces_is_a_result(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        assert start["upload_url"] == f"{DEVICE}/uploads"
        device = Uploader(lab, start)
        place = await device.begin("data.mrd", DATA)
        first = await device.send(place, 0, DATA[:HALF])
        assert (first.status_code, first.headers["Upload-Offset"]) == (204, str(HALF))
        assert await device.offset(place) == HALF
        assert (await lab.task(start["id"]))["results"] == []
        last = await device.send(place, HALF, DATA[HALF:])
        assert last.status_code == 204
        result_id = last.headers["Upload-Result-Id"]
        task = await lab.task(start["id"])
        assert task["status"] == "FINISHED"
        assert [result["id"] for result in task["results"]] == [result_id]
        assert (lab.folder(start, result_id) / "data.mrd").read_bytes() == DATA
        # It is removed from there after the answer.
        await lab.eventually(lambda: asyncio.sleep(0, device.unfinished()), lambda sizes: not sizes)
        told = (await lab.http.get(place)).json()
        assert (told["offset"], told["result_id"]) == (len(DATA), result_id)
        assert told["stored_at"] is not None


async def test_the_first_bytes_may_come_with_the_announcement(lab):
    async with lab.scanner() as scanner:
        device = Uploader(lab, await lab.started(scanner))
        answer = await device.announce("data.mrd", DATA, content=DATA)
        assert answer.status_code == 201
        assert answer.headers["Upload-Offset"] == str(len(DATA))
        assert (await lab.task(device.start["id"]))["status"] == "FINISHED"


async def test_either_way_makes_the_same_result_and_never_two(lab):
    async with lab.scanner() as scanner:
        device = Uploader(lab, start := await lab.started(scanner))
        over_http = await device.upload("data.mrd", DATA)
        over_link = await scanner.upload(start, "data.mrd", DATA)
        assert over_link["ok"]
        assert over_link["result_id"] == over_http.headers["Upload-Result-Id"]
        again = await device.announce("data.mrd", DATA)
        assert again.headers["Upload-Offset"] == str(len(DATA))
        assert len((await lab.task(start["id"]))["results"]) == 1
        other = await device.announce("data.mrd", DATA[::-1])
        assert other.status_code == 422


async def test_a_file_that_came_over_the_link_meanwhile_needs_no_more_bytes(lab):
    async with lab.scanner() as scanner:
        device = Uploader(lab, start := await lab.started(scanner))
        place = await device.begin("data.mrd", DATA)
        await device.send(place, 0, DATA[:HALF])
        verdict = await scanner.upload(start, "data.mrd", DATA)
        assert verdict["ok"]
        assert await device.offset(place) == len(DATA)
        last = await device.send(place, len(DATA), b"")
        assert last.headers["Upload-Result-Id"] == verdict["result_id"]
        assert len((await lab.task(start["id"]))["results"]) == 1


async def test_both_ways_at_once_make_one_result(lab):
    async with lab.scanner() as scanner:
        device = Uploader(lab, start := await lab.started(scanner))
        over_http, over_link = await asyncio.gather(
            device.upload("data.mrd", DATA), scanner.upload(start, "data.mrd", DATA)
        )
        assert over_http.status_code == 204
        assert over_link["ok"]
        results = (await lab.task(start["id"]))["results"]
        assert [result["id"] for result in results] == [over_link["result_id"]]
        assert (lab.folder(start, over_link["result_id"]) / "data.mrd").read_bytes() == DATA


async def test_a_piece_that_does_not_fit_on_is_refused_and_tells_where_to_go_on(lab):
    async with lab.scanner() as scanner:
        device = Uploader(lab, await lab.started(scanner))
        place = await device.begin("data.mrd", DATA)
        for offset in (1, HALF, len(DATA)):
            answer = await device.send(place, offset, DATA[:10])
            assert (answer.status_code, answer.headers["Upload-Offset"]) == (409, "0")
            assert answer.headers["Tus-Resumable"] == "1.0.0"
        assert await device.offset(place) == 0


async def test_a_wrong_sum_of_the_file_removes_it_and_the_next_try_works(lab):
    async with lab.scanner() as scanner:
        device = Uploader(lab, start := await lab.started(scanner))
        flipped = bytearray(DATA)
        flipped[HALF] ^= 1
        place = await device.begin("data.mrd", DATA)
        answer = await device.send(place, 0, bytes(flipped))
        assert answer.status_code == 460
        assert answer.json()["type"] == "/problems/checksum-mismatch"
        assert (await device.ask(place)).status_code == 404
        assert (device.unfinished(), lab.files()) == ([], [])
        assert (await lab.task(start["id"]))["results"] == []
        assert (await device.upload("data.mrd", DATA)).status_code == 204


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
async def test_a_wrong_sum_of_a_piece_drops_only_the_piece(lab, algorithm):
    async with lab.scanner() as scanner:
        device = Uploader(lab, await lab.started(scanner))
        place = await device.begin("data.mrd", DATA)
        right = {"Upload_Checksum": checksum(DATA[:HALF], algorithm)}
        assert (await device.send(place, 0, DATA[:HALF], **right)).status_code == 204
        wrong = await device.send(place, HALF, DATA[HALF:], **right)
        assert (wrong.status_code, wrong.headers["Upload-Offset"]) == (460, str(HALF))
        assert await device.offset(place) == HALF
        assert (await device.send(place, HALF, DATA[HALF:])).status_code == 204


async def test_more_bytes_than_announced_are_refused(lab):
    async def endless():
        for offset in range(0, len(DATA), 1 << 20):
            yield DATA[offset : offset + (1 << 20)]

    async with lab.scanner() as scanner:
        device = Uploader(lab, await lab.started(scanner))
        place = await device.begin("data.mrd", DATA[:1000])
        assert (await device.send(place, 0, DATA)).status_code == 413
        assert (await device.send(place, 0, endless())).status_code == 413
        assert (
            await device.send(place, await device.offset(place), DATA[:1000])
        ).status_code == 204


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Tus-Resumable": "0.2.2"}, 412),
        ({"Content-Type": "application/octet-stream"}, 415),
        ({"Upload-Offset": "-1"}, 422),
        ({"Upload-Offset": "9" * 30}, 422),
        ({"Upload-Checksum": "md5 AAAA"}, 400),
        ({"Upload-Checksum": "sha256 AAAA"}, 400),
        ({"Authorization": "Bearer nonsense"}, 401),
    ],
)
async def test_headers_that_are_wrong_are_refused_by_name(lab, headers, status):
    async with lab.scanner() as scanner:
        device = Uploader(lab, await lab.started(scanner))
        place = await device.begin("data.mrd", DATA)
        told = {**PIECE, **device.token, "Upload-Offset": "0", **headers}
        answer = await lab.http.patch(place, headers=told, content=DATA[:10])
        assert answer.status_code == status
        assert await device.offset(place) == 0


@pytest.mark.parametrize(
    ("filename", "changes", "status"),
    [
        ("/etc/passwd", {}, 422),
        ("../../escape.mrd", {}, 422),
        ("", {}, 422),
        ("x.mrd.part", {}, 422),
        ("device_parameter.json", {}, 422),
        ("x" * 300, {}, 422),
        ("data.mrd", {"size_bytes": 0}, 422),
        ("data.mrd", {"size_bytes": 1 << 60}, 413),
        ("data.mrd", {"size_bytes": 1 << 70}, 422),
        ("data.mrd", {"sha256": "abc"}, 422),
        ("data.mrd", {"task_id": "abc"}, 422),
        ("data.mrd", {"device_parameter": "[1]"}, 422),
        ("data.mrd", {"device_parameter": "[" * 50_000}, 400),
    ],
)
async def test_an_announcement_that_cannot_be_is_refused(lab, filename, changes, status):
    async with lab.scanner() as scanner:
        device = Uploader(lab, await lab.started(scanner))
        answer = await device.announce(filename, DATA, **changes)
        assert answer.status_code in {status, 431}, answer.text
        assert (await lab.http.get(f"{DEVICE}/uploads")).json() == []


async def test_only_the_token_of_the_scan_may_touch_its_upload(lab):
    async with lab.scanner() as one, lab.scanner() as other:
        mine, foreign = [Uploader(lab, await lab.started(scanner)) for scanner in (one, other)]
        place = await mine.begin("data.mrd", DATA)
        assert (await foreign.ask(place)).status_code == 403
        assert (await foreign.send(place, 0, DATA)).status_code == 403
        assert (await lab.http.delete(place, headers={**TUS, **foreign.token})).status_code == 403
        answer = await foreign.announce("data.mrd", DATA, task_id=mine.start["id"])
        assert answer.status_code == 403
        user = await lab.http.patch(place, headers={**PIECE, "Upload-Offset": "0"}, content=DATA)
        assert user.status_code == 403
        assert await mine.offset(place) == 0


async def test_a_link_that_breaks_loses_nothing_that_was_sent(lab):
    async with lab.scanner() as scanner:
        device = Uploader(lab, await lab.started(scanner))
        place = await device.begin("data.mrd", DATA)
        _, writer = await device.connect(place, 0, len(DATA))
        writer.write(DATA[:HALF])
        await writer.drain()
        writer.close()
        await lab.eventually(lambda: device.offset(place), lambda offset: offset == HALF)
        assert (await device.send(place, HALF, DATA[HALF:])).status_code == 204


async def test_a_later_request_takes_over_from_one_whose_connection_is_dead(lab):
    async with lab.scanner() as scanner:
        device = Uploader(lab, await lab.started(scanner))
        place = await device.begin("data.mrd", DATA)
        reader, writer = await device.connect(place, 0, len(DATA))
        writer.write(DATA[:HALF])
        await writer.drain()
        offset = await device.offset(place)
        for _ in range(3):
            answer = await device.send(place, offset, DATA[offset:])
            offset = int(answer.headers["Upload-Offset"])
        assert answer.status_code == 204
        assert b" 409 " in await reader.readline()
        writer.close()


async def test_announcing_again_tells_where_a_connection_that_is_dead_has_got_to(lab):
    async with lab.scanner() as scanner:
        device = Uploader(lab, await lab.started(scanner))
        place = await device.begin("data.mrd", DATA)
        reader, writer = await device.connect(place, 0, len(DATA))
        writer.write(DATA[: 1 << 20])  # less than what is written at once
        await writer.drain()
        await lab.eventually(lambda: asyncio.sleep(0, device.unfinished()), lambda sizes: sizes)
        again = await device.announce("data.mrd", DATA)
        offset = int(again.headers["Upload-Offset"])
        assert (await device.send(place, offset, DATA[offset:])).status_code == 204
        assert b" 409 " in await reader.readline()
        writer.close()


async def test_a_device_that_sends_nothing_more_does_not_hold_its_request_for_ever(make_lab):
    async with make_lab(upload_idle_seconds=0.3) as lab, lab.scanner() as scanner:
        device = Uploader(lab, await lab.started(scanner))
        place = await device.begin("data.mrd", DATA)
        reader, writer = await device.connect(place, 0, len(DATA))
        writer.write(DATA[:1000])
        await writer.drain()
        assert b" 408 " in await asyncio.wait_for(reader.readline(), 10)
        assert await device.offset(place) == 1000
        writer.close()


async def test_a_file_of_a_scan_that_was_stopped_is_refused_while_it_comes(lab):
    async with lab.scanner() as scanner:
        device = Uploader(lab, start := await lab.started(scanner))
        place = await device.begin("data.mrd", DATA)
        await device.send(place, 0, DATA[:HALF])
        stop = asyncio.create_task(lab.stop(scanner.device_id))
        await scanner.hear("stop")
        await scanner.say(command="stopped", task_id=start["id"])
        assert (await stop).json()["confirmed"]
        assert (await device.send(place, HALF, DATA[HALF:])).status_code == 410
        assert (await device.ask(place)).status_code == 410
        assert (await device.announce("other.mrd", DATA)).status_code == 410


async def test_several_files_come_at_once_beside_status(lab):
    async with lab.scanner() as scanner:
        device = Uploader(lab, start := await lab.started(scanner))
        names = [f"part-{number}.mrd" for number in range(4)]
        coming = [asyncio.create_task(device.upload(name, DATA)) for name in names]
        await scanner.say(command="ping")
        assert (await scanner.hear("pong"))["command"] == "pong"
        answers = await asyncio.gather(*coming)
        assert {answer.status_code for answer in answers} == {204}
        await lab.eventually(
            lambda: lab.task(start["id"]), lambda task: len(task["results"]) == len(names)
        )


async def test_a_restart_goes_on_with_the_bytes_that_came_before(make_lab):
    async with make_lab(lost_after_seconds=10) as lab:
        credentials = await lab.create_device()
        async with lab.scanner(credentials) as scanner:
            device = Uploader(lab, await lab.started(scanner))
            place = await device.begin("data.mrd", DATA)
            await device.send(place, 0, DATA[:HALF])
    async with make_lab(lost_after_seconds=10) as lab:
        device = Uploader(lab, device.start)
        assert await device.offset(place) == HALF
        assert (await device.send(place, HALF, DATA[HALF:])).status_code == 204
        assert (await lab.task(device.start["id"]))["status"] == "FINISHED"


async def test_a_file_that_was_whole_before_a_restart_is_entered_without_being_asked_for(make_lab):
    async with make_lab(lost_after_seconds=10) as lab:
        credentials = await lab.create_device()
        async with lab.scanner(credentials) as scanner:
            device = Uploader(lab, await lab.started(scanner))
            place = await device.begin("data.mrd", DATA)
            await device.send(place, 0, DATA[:-1])
    part = lab.lake_root / "uploads" / f"{place.rsplit('/', 1)[-1]}.part"
    with part.open("ab") as file:  # as if the process had ended right after the last byte
        file.write(DATA[-1:])
    async with make_lab(lost_after_seconds=10) as lab:
        done = await lab.task_becomes(device.start["id"], "FINISHED")
        assert len(done["results"]) == 1
        assert await Uploader(lab, device.start).offset(place) == len(DATA)


async def test_announcing_again_goes_on_where_the_file_stopped(lab):
    async with lab.scanner() as scanner:
        device = Uploader(lab, await lab.started(scanner))
        place = await device.begin("data.mrd", DATA)
        await device.send(place, 0, DATA[:HALF])
        again = await device.announce("data.mrd", DATA)
        assert again.headers["Location"] == place
        assert again.headers["Upload-Offset"] == str(HALF)
        other = await device.announce("data.mrd", DATA[::-1])
        assert other.headers["Location"] != place
        assert other.headers["Upload-Offset"] == "0"
        assert (await device.ask(place)).status_code == 404


async def test_a_deleted_upload_leaves_nothing(lab):
    async with lab.scanner() as scanner:
        device = Uploader(lab, await lab.started(scanner))
        place = await device.begin("data.mrd", DATA)
        await device.send(place, 0, DATA[:HALF])
        assert device.unfinished() == [HALF]
        headers = {**TUS, **device.token}
        assert (await lab.http.delete(place, headers=headers)).status_code == 204
        # It is removed from there after the answer.
        await lab.eventually(lambda: asyncio.sleep(0, device.unfinished()), lambda sizes: not sizes)
        assert (await lab.http.delete(place, headers=headers)).status_code == 404
        await device.upload("data.mrd", DATA)
        listed = await device.announce("data.mrd", DATA)
        stored = await lab.http.delete(listed.headers["Location"], headers=headers)
        assert stored.status_code == 409


async def test_the_server_says_what_it_can(lab):
    answer = await lab.http.options(f"{DEVICE}/uploads")
    assert answer.status_code == 204
    assert "checksum" in answer.headers["Tus-Extension"]
    assert int(answer.headers["Tus-Max-Size"]) > 2**30


async def test_the_parameters_of_the_announcement_are_those_of_the_result(lab):
    async with lab.scanner(parameter={"from": "register"}) as scanner:
        device = Uploader(lab, start := await lab.started(scanner))
        answer = await device.upload("a.mrd", DATA, device_parameter='{"from": "header"}')
        folder = lab.folder(start, answer.headers["Upload-Result-Id"])
        assert "header" in (folder / "device_parameter.json").read_text()


async def test_the_hash_may_be_missing_then_a_file_announced_again_begins_anew(lab):
    async with lab.scanner() as scanner:
        device = Uploader(lab, await lab.started(scanner))
        place = await device.begin("data.mrd", DATA, sha256=None)
        await device.send(place, 0, DATA[:HALF])
        assert (await device.announce("data.mrd", DATA, sha256=None)).headers[
            "Upload-Offset"
        ] == "0"
        answer = await device.upload("data.mrd", DATA, sha256=None)
        task = await lab.task(device.start["id"])
        assert task["results"][0]["meta"]["sha256"] == hashlib.sha256(DATA).hexdigest()
        assert answer.status_code == 204


async def test_many_that_trickle_hold_up_nobody(lab):
    async with lab.scanner() as slow, lab.scanner() as quick:
        device = Uploader(lab, await lab.started(slow))
        held = []
        for number in range(30):
            place = await device.begin(f"{number}.mrd", DATA)
            _, writer = await device.connect(place, 0, len(DATA))
            writer.write(b"x")
            held.append(writer)
        assert (await Uploader(lab, await lab.started(quick)).upload("data.mrd", DATA)).is_success
        await slow.say(command="ping")
        assert (await slow.hear("pong"))["command"] == "pong"
        for writer in held:
            writer.close()

        async def sizes():
            return device.unfinished()

        await lab.eventually(sizes, lambda found: found == [1] * 30)
