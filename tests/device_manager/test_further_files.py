"""Files of a scan behind the first one: the record hears of each while it is written down."""

import asyncio
from uuid import UUID

import pytest
from http_uploads import DATA, Uploader

from device_manager.acquisitions.models import Acquisition
from device_manager.acquisitions.service import ENTERED, add_file, mark_settled
from device_manager.uploads.rules import result_id_of
from scanhub_libraries.database import reading, transaction

SMALL = bytes(range(256)) * 100


async def test_a_further_file_is_entered_once_and_with_one_request(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        assert (await scanner.upload(start, "a.mrd", SMALL))["ok"]
        lab.exam_gate.requests.clear()
        verdict = await scanner.upload(start, "b.npy", SMALL)
        assert verdict["ok"]
        about = [path for path in lab.exam_gate.requests if verdict["result_id"] in path]
        assert len(about) == 1
        assert len((await lab.task(start["id"]))["results"]) == 2


async def test_a_further_file_is_entered_later_if_the_record_is_away(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        assert (await scanner.upload(start, "a.mrd", SMALL))["ok"]
        await scanner.announce(start, "b.npy", SMALL)
        lab.exam_gate.closed = True
        await scanner.send_bytes(SMALL)
        await lab.eventually(lambda: asyncio.sleep(0, lab.files()), lambda found: "b.npy" in found)
        assert len((await lab.task(start["id"]))["results"]) == 1
        lab.exam_gate.closed = False
        verdict = await scanner.verdict("b.npy")
        assert verdict["ok"]
        results = (await lab.task(start["id"]))["results"]
        assert [result["id"] for result in results].count(verdict["result_id"]) == 1


async def test_a_further_file_that_the_record_refuses_is_safe_and_told(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        assert (await scanner.upload(start, "a.mrd", SMALL))["ok"]
        assert (await lab.exam.delete(f"/api/v1/exam/task/{start['id']}")).is_success
        verdict = await scanner.upload(start, "b.npy", SMALL)
        assert verdict["ok"] is False
        assert "safe in the lake" in verdict["message"]
        assert "b.npy" in lab.files()


@pytest.mark.parametrize("ways", [("http", "link"), ("http", "http")])
async def test_the_same_further_file_twice_at_once_is_one_result(lab, ways):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        device = Uploader(lab, start)
        assert (await scanner.upload(start, "a.mrd", SMALL))["ok"]
        for way in ways:
            if way == "http":
                answer = await device.announce("b.mrd", DATA, content=DATA)
                assert answer.status_code == 201
            else:
                assert (await scanner.upload(start, "b.mrd", DATA))["ok"]
        assert len((await lab.task(start["id"]))["results"]) == 2


async def test_many_further_files_are_entered_once_each_and_noted(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        names = [f"{number}.npy" for number in range(4)]
        verdicts = [await scanner.upload(start, name, SMALL) for name in ("a.mrd", *names)]
        assert all(verdict["ok"] for verdict in verdicts)
        assert len((await lab.task(start["id"]))["results"]) == 5

        async def noted():
            async with reading(lab.app.state.sessions) as session:
                return await session.get_one(Acquisition, UUID(start["acquisition_id"]))

        row = await lab.eventually(noted, lambda found: found.settled_at is not None)
        assert [file[ENTERED] for file in row.files] == [True] * 5
        for verdict in verdicts[1:]:
            about = [path for path in lab.exam_gate.requests if verdict["result_id"] in path]
            assert len(about) == 1


async def test_a_file_is_answered_for_itself_and_not_for_the_one_before(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        assert (await scanner.upload(start, "a.mrd", SMALL))["ok"]
        result_id = result_id_of(UUID(start["acquisition_id"]), "b.mrd")
        held = lab.exam_gate.hold(str(result_id))
        sending = asyncio.create_task(Uploader(lab, start).announce("b.mrd", DATA, content=DATA))
        await held.reached.wait()
        assert (await scanner.upload(start, "c.mrd", SMALL))["ok"]
        (stored,) = lab.lake_root.rglob("b.mrd")
        stored.unlink()  # so that the record refuses it
        held.go_on.set()
        answer = await sending
        assert answer.status_code == 422, answer.text
        assert "b.mrd is safe in the lake, but is not entered" in answer.json()["detail"]
        assert len((await lab.task(start["id"]))["results"]) == 2


async def test_files_that_come_while_others_are_noted_leave_those_noted(lab):
    sessions = lab.app.state.sessions
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        assert (await scanner.upload(start, "a.mrd", SMALL))["ok"]
    scan_id = UUID(start["acquisition_id"])
    async with transaction(sessions) as session:
        for name in ("b.mrd", "c.mrd"):
            file = {
                "filename": name,
                "sha256": "0" * 64,
                "size_bytes": 1,
                "result_id": str(scan_id),
            }
            await add_file(session, scan_id, file, actor="scanner")
    for files, settled in ((2, False), (3, True)):
        async with transaction(sessions) as session:
            assert await mark_settled(session, scan_id, files=files) is settled
        async with reading(sessions) as session:
            row = await session.get_one(Acquisition, scan_id)
        assert [file["filename"] for file in row.files] == ["a.mrd", "b.mrd", "c.mrd"]
        assert [file.get(ENTERED, False) for file in row.files] == [True, True, settled]
        assert (row.settled_at is not None) is settled
