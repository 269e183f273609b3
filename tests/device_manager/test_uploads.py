"""File intake: whole or not at all, and always an answer."""

import asyncio
import errno
import hashlib
from uuid import UUID

import pytest
from away import a_table_away
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device_manager.uploads.transfer import Announced, Transfer, TransferError
from scanhub_libraries.ids import new_id
from scanhub_libraries.lake import LocalLake, LocalPartFile

DATA = bytes(range(256)) * 40_000  # ten frames


async def assert_nothing_stored(lab, start):
    task = await lab.task(start["id"])
    assert task["status"] == "INPROGRESS"
    assert task["results"] == []
    assert lab.files() == []


@pytest.mark.parametrize(
    "filename",
    ["/etc/passwd", "../../escape.mrd", "a/b.mrd", "..", "", "x.mrd.part", "device_parameter.json",
     "nul\u0000.mrd", "x" * 300],
)  # fmt: skip
async def test_names_with_a_path_in_them_store_nothing(lab, filename):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        await scanner.announce(start, filename, DATA)
        await scanner.send_bytes(DATA)
        verdict = await scanner.verdict(filename)
        assert verdict["ok"] is False
        await assert_nothing_stored(lab, start)
        assert (await scanner.upload(start, "good.mrd", DATA))["ok"]
        await scanner.hear_nothing()


async def test_a_wrong_hash_stores_nothing_and_the_next_try_works(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        verdict = await scanner.upload(start, "data.mrd", DATA, sha256="0" * 64)
        assert verdict["ok"] is False
        assert "sha256" in verdict["message"]
        await assert_nothing_stored(lab, start)
        assert (await scanner.upload(start, "data.mrd", DATA))["ok"]


async def test_the_hash_may_be_missing_or_in_capitals(lab):
    async with lab.scanner() as scanner:
        for changes in ({"sha256": None}, {"sha256": hashlib.sha256(DATA).hexdigest().upper()}):
            start = await lab.started(scanner)
            assert (await scanner.upload(start, "data.mrd", DATA, **changes))["ok"]


@pytest.mark.parametrize("size_bytes", [0, -5, 1 << 60])
async def test_a_size_that_cannot_be_is_refused(lab, size_bytes):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        await scanner.announce(start, "data.mrd", DATA, size_bytes=size_bytes)
        assert (await scanner.verdict("data.mrd"))["ok"] is False
        await assert_nothing_stored(lab, start)


async def test_too_many_bytes_are_refused(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        verdict = await scanner.upload(start, "data.mrd", DATA, size_bytes=len(DATA) - 1)
        assert verdict["ok"] is False
        assert "more bytes" in verdict["message"]
        await assert_nothing_stored(lab, start)


async def test_a_file_that_breaks_off_for_another_one_is_refused_and_the_other_stored(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        await scanner.announce(start, "first.mrd", DATA)
        await scanner.send_bytes(DATA[:1000])
        verdict = await scanner.upload(start, "second.mrd", DATA)
        assert verdict["ok"]
        refused = [item for item in scanner.heard if item.get("filename") == "first.mrd"]
        assert [item["ok"] for item in refused] == [False]
        assert lab.files() == ["device_parameter.json", "second.mrd"]


async def test_a_pause_within_a_file_has_an_end(make_lab):
    async with make_lab(upload_idle_seconds=0.3) as lab, lab.scanner() as scanner:
        start = await lab.started(scanner)
        await scanner.announce(start, "data.mrd", DATA)
        await scanner.send_bytes(DATA[:1000])
        verdict = await scanner.verdict("data.mrd")
        assert verdict["ok"] is False
        assert "1000 of" in verdict["message"]
        await assert_nothing_stored(lab, start)


async def test_a_file_announced_while_the_database_is_away_is_to_be_sent_again(lab, tmp_path):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        async with a_table_away(tmp_path, "upload"):
            verdict = await scanner.upload(start, "data.mrd", DATA)
        assert verdict["ok"] is False
        assert "send it again" in verdict["message"]
        assert verdict["retry_after_s"] > 0
        await assert_nothing_stored(lab, start)
        assert (await scanner.upload(start, "data.mrd", DATA))["ok"]
        await scanner.hear_nothing()


async def test_a_refusal_for_good_names_no_time(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        verdict = await scanner.upload(start, "../data.mrd", DATA)
        assert verdict["ok"] is False
        assert "retry_after_s" not in verdict


async def test_a_link_that_breaks_within_a_file_leaves_nothing_and_the_scan_goes_on(make_lab):
    async with make_lab(lost_after_seconds=10) as lab:
        credentials = await lab.create_device()
        async with lab.scanner(credentials) as scanner:
            start = await lab.started(scanner)
            await scanner.announce(start, "data.mrd", DATA)
            await scanner.send_bytes(DATA[: len(DATA) // 2])
            scanner.websocket.transport.abort()
        await lab.device_becomes(credentials["device_id"], "OFFLINE")
        await assert_nothing_stored(lab, start)
        async with lab.scanner(credentials) as scanner:
            assert (await scanner.upload(start, "data.mrd", DATA))["ok"]
            assert (await lab.task(start["id"]))["status"] == "FINISHED"


async def test_the_same_file_sent_again_is_the_same_result(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        first = await scanner.upload(start, "data.mrd", DATA)
        await scanner.announce(start, "data.mrd", DATA)
        await scanner.send_bytes(DATA)
        again = await scanner.verdict("data.mrd")
        assert again["ok"]
        assert again["result_id"] == first["result_id"]
        assert len((await lab.task(start["id"]))["results"]) == 1
        other = await scanner.upload(start, "data.mrd", DATA[::-1])
        assert other["ok"] is False
        folder = lab.folder(start, first["result_id"])
        assert (folder / "data.mrd").read_bytes() == DATA
        await scanner.hear_nothing()


async def test_a_scan_may_have_several_results(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        verdicts = [
            await scanner.upload(start, name, DATA) for name in ("a.mrd", "b.npy", "c.json")
        ]
        assert all(verdict["ok"] for verdict in verdicts), verdicts
        task = await lab.task(start["id"])
        assert {result["type"] for result in task["results"]} == {"MRD", "NUMPY", "CALIBRATION"}
        assert task["status"] == "FINISHED"


async def test_status_frames_between_binary_frames_are_handled(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        await scanner.announce(start, "data.mrd", DATA)
        half = len(DATA) // 2
        await scanner.send_bytes(DATA[:half], frame=10_000)
        await scanner.say(command="ping")
        await scanner.status("BUSY", start, progress=77)
        assert (await scanner.hear())["command"] == "pong"
        assert "77" in (await scanner.hear("feedback"))["message"]
        await lab.eventually(lambda: lab.task(start["id"]), lambda task: task["progress"] == 77)
        await scanner.send_bytes(DATA[half:], frame=10_000)
        assert (await scanner.verdict("data.mrd"))["ok"]


async def test_the_parameters_in_the_header_are_those_of_the_result(lab):
    async with lab.scanner(parameter={"from": "register"}) as scanner:
        start = await lab.started(scanner)
        verdict = await scanner.upload(start, "data.mrd", DATA, device_parameter={"from": "header"})
        text = (lab.folder(start, verdict["result_id"]) / "device_parameter.json").read_text()
        assert "header" in text


async def test_a_full_lake_is_told_and_leaves_nothing(make_lab, tmp_path):
    async with make_lab(lake=FullLake(tmp_path)) as lab, lab.scanner() as scanner:
        start = await lab.started(scanner)
        verdict = await scanner.upload(start, "data.mrd", DATA)
        assert verdict["ok"] is False
        assert "full" in verdict["message"]
        await assert_nothing_stored(lab, start)
        lab.app.state.room.lake.is_full = False
        assert (await scanner.upload(start, "data.mrd", DATA))["ok"]


async def test_the_token_of_an_ended_scan_stores_nothing(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        await scanner.status("ERROR", start, error_message="no signal")
        await scanner.hear("feedback")
        ended = await lab.task_becomes(start["id"], "ERROR")
        assert ended["status_reason"] == "no signal"
        await scanner.announce(start, "data.mrd", DATA)
        verdict = await scanner.verdict("data.mrd")
        assert verdict["ok"] is False
        assert "failed" in verdict["message"]
        assert lab.files() == []
        await scanner.announce({**start, "access_token": "nonsense"}, "data.mrd", DATA)
        assert (await scanner.verdict("data.mrd"))["ok"] is False


async def test_the_session_of_the_user_may_end_during_the_scan(lab, signer):
    """F09: nothing of a scan depends on the login of whoever started it."""
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        assert "user" not in str(lab.app.state.verifier.verify(start["access_token"]).kind)
        lab.app.state.verifier.revocations._subjects["tester"] = 1 << 40
        assert (await lab.http.get("/api/v1/device/")).status_code == 401
        assert (await scanner.upload(start, "data.mrd", DATA))["ok"]
        assert (await lab.task(start["id"]))["status"] == "FINISHED"


async def test_exam_manager_may_be_away_at_the_end(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        await scanner.announce(start, "data.mrd", DATA)
        lab.exam_gate.closed = True
        await scanner.send_bytes(DATA)
        await lab.acquisition_becomes(start["id"], "finished")
        assert (await lab.task(start["id"]))["status"] == "INPROGRESS"
        lab.exam_gate.closed = False
        assert (await scanner.verdict("data.mrd"))["ok"]
        assert (await lab.task(start["id"]))["status"] == "FINISHED"


async def test_exam_manager_may_be_away_for_longer_than_a_restart(make_lab):
    async with make_lab(record_wait_seconds=0.3) as lab, lab.scanner() as scanner:
        start = await lab.started(scanner)
        lab.exam_gate.closed = True
        verdict = await scanner.upload(start, "data.mrd", DATA)
        assert verdict["ok"]
        assert "exam-manager is away" in verdict["message"]
        assert (await lab.task(start["id"]))["status"] == "INPROGRESS"
    async with make_lab() as lab:
        done = await lab.task_becomes(start["id"], "FINISHED")
        assert [result["id"] for result in done["results"]] == [verdict["result_id"]]


async def test_a_finish_whose_answer_is_lost_makes_one_result(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        lab.exam_gate.lose_answer_of = "/finish"
        await scanner.announce(start, "data.mrd", DATA)
        await scanner.send_bytes(DATA)
        await lab.task_becomes(start["id"], "FINISHED")
        lab.exam_gate.lose_answer_of = None
        assert (await scanner.verdict("data.mrd"))["ok"]
        assert len((await lab.task(start["id"]))["results"]) == 1


async def test_a_file_of_a_task_that_was_deleted_stays_in_the_lake_and_is_told(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        release = {"claim_id": start["acquisition_id"], "status": "ERROR", "reason": "taken away"}
        answer = await lab.exam.post(f"/api/v1/exam/task/{start['id']}/release", json=release)
        assert answer.status_code == 200
        verdict = await scanner.upload(start, "data.mrd", DATA)
        assert verdict["ok"] is False
        assert "safe in the lake" in verdict["message"]
        assert "data.mrd" in lab.files()
        acquisition = await lab.acquisition(start["id"])
        assert "claim" in acquisition["reason"]
        result_id = UUID(acquisition["result_id"])
        # Whoever asks after that, hears it too: the verdict of a slow moment, and after a restart.
        settlement = lab.app.state.room.settlement
        refused = await settlement.wait(UUID(acquisition["id"]), 10, result_id)
        assert refused is not None
        assert "claim" in refused
        again = await scanner.upload(start, "data.mrd", DATA)
        assert again["ok"] is False


class FullLake(LocalLake):
    """A lake on a disk without room."""

    is_full = True

    def writer(self, key: str) -> LocalPartFile:
        part = super().writer(key)
        if self.is_full and key.endswith(".mrd"):
            part._write = _no_room
        return part


def _no_room(_data: bytes) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    data=st.binary(min_size=1, max_size=3000),
    cuts=st.lists(st.integers(1, 700), max_size=20),
    buffer_bytes=st.integers(1, 4000),
)
def test_any_way_of_cutting_a_file_gives_the_same_file(tmp_path_factory, data, cuts, buffer_bytes):
    folder = tmp_path_factory.mktemp("lake")

    async def receive() -> bytes:
        announced = Announced("a", len(data), hashlib.sha256(data).hexdigest(), new_id(), {})
        transfer = Transfer(announced, buffer_bytes=buffer_bytes, idle_seconds=5)
        async with LocalLake(folder).writer("a") as part:
            writing = asyncio.create_task(transfer.write_to(part))
            rest = data
            for cut in cuts:
                await transfer.take(rest[:cut])
                rest = rest[cut:]
            await transfer.take(rest)
            await writing
            await part.commit()
        return (folder / "a").read_bytes()

    assert asyncio.run(receive()) == data


async def test_a_transfer_that_fails_frees_a_waiting_reader(tmp_path):
    transfer = Transfer(Announced("a", 100, None, new_id(), {}), buffer_bytes=1, idle_seconds=5)
    reader = asyncio.create_task(transfer.take(b"x" * 50))
    await asyncio.sleep(0.01)
    assert not reader.done()
    transfer.fail("enough")
    await asyncio.wait_for(reader, 1)
    async with LocalLake(tmp_path).writer("a") as part:
        with pytest.raises(TransferError, match="enough"):
            await transfer.write_to(part)


async def test_a_busy_that_comes_beside_the_end_of_its_scan_keeps_no_device_busy(lab):
    async with lab.scanner() as scanner:
        task = await lab.create_task(scanner.device_id)
        asking = asyncio.create_task(lab.start(task))
        start = await scanner.accept()
        await asking
        presence = lab.app.state.room.presence
        async with presence._lock(UUID(scanner.device_id)):  # the word waits for the one before
            await scanner.status("BUSY", start, progress=100)
            await scanner.announce(start, "data.mrd", DATA)
            await scanner.send_bytes(DATA)
            await lab.acquisition_becomes(start["id"], "finished")
        assert (await scanner.verdict("data.mrd"))["ok"]
        await scanner.say(command="ping")
        await scanner.hear("pong")
        assert (await lab.device(scanner.device_id))["status"] == "ONLINE"
