"""A run that does not succeed leaves nothing half-stored: no result, no folder."""

import asyncio

import pytest
from raw_files import Scan
from wire import Held, answer_lost, away
from workflow_service import WORKFLOW, a_port, until

from workflow_manager.dicom.scp import DicomListener


@pytest.fixture
async def archive():
    """The port of an archive that takes every image."""
    port = a_port()
    listener = DicomListener(
        ae_title="PEER", host="127.0.0.1", port=port, handler=lambda _instance: 0x0000
    )
    listener.start()
    yield port
    await asyncio.to_thread(listener.stop)


def folders(clinic):
    """The result folders of the job's task, and the work folders of runs."""
    of_task = clinic.lake / "lake" / str(clinic.workflow_id) / str(clinic.job)
    return [path for place in (of_task, clinic.lake / "runs") for path in place.glob("*")]


async def held_at_the_end(service, clinic, wire):
    """A run whose files are in the lake, just before its task is finished."""
    held = Held()
    await clinic.measure(Scan((16, 16, 2), (160, 160, 160)))
    finishing = wire.disturb(held, "/finish$", times=1)
    await service.deliver(await clinic.event())
    await asyncio.wait_for(finishing.hit.wait(), 30)
    run = await service.run_in("running", task_id=clinic.job)
    assert len(folders(clinic)) == 2
    return run, held


@pytest.mark.parametrize("content", [b"this is not ISMRMRD" * 100, b""])
async def test_raw_data_that_is_none_leaves_no_blank_result(service, clinic, content):
    await clinic.measure(content=content)
    await service.deliver(await clinic.event())
    run = await service.run_in("failed", task_id=clinic.job)
    job = await clinic.task(clinic.job)
    assert (job["status"], job["status_reason"]) == ("ERROR", run["error"])
    assert (job["results"], run["result_id"]) == ([], None)
    assert folders(clinic) == []


async def test_a_running_job_has_no_result_yet(service, clinic, slow_job):
    await clinic.measure()
    await service.deliver(await clinic.event())
    await until(slow_job.pid)
    assert (await service.run_in("running", task_id=clinic.job))["result_id"] is None
    assert (await clinic.task(clinic.job))["results"] == []
    slow_job.hurry()
    run = await service.run_in("succeeded", task_id=clinic.job)
    (result,) = (await clinic.task(clinic.job))["results"]
    assert result["id"] == run["result_id"]


async def test_a_refusal_of_exam_manager_ends_the_run_with_its_words(service, clinic, wire):
    run, held = await held_at_the_end(service, clinic, wire)
    await clinic.release_job(run["id"], "The exam was closed.")
    held.let_go()
    run = await service.run_in("failed", task_id=clinic.job)
    assert "The claim has ended" in run["error"]
    job = await clinic.task(clinic.job)
    assert (job["status"], job["status_reason"]) == ("CANCELED", "The exam was closed.")
    assert (job["results"], run["result_id"]) == ([], None)
    await until(lambda: not folders(clinic))  # it goes when all is told


async def test_files_that_vanish_before_the_end_take_the_rest_of_their_folder_along(
    service, clinic, wire
):
    _, held = await held_at_the_end(service, clinic, wire)
    (image,) = clinic.lake.glob("lake/*/*/*/image-0002.dcm")
    image.unlink()
    held.let_go()
    run = await service.run_in("failed", task_id=clinic.job)
    assert "Not in the lake: image-0002.dcm" in run["error"]
    job = await clinic.task(clinic.job)
    assert (job["status"], job["status_reason"]) == ("ERROR", run["error"])
    assert (job["results"], run["result_id"]) == ([], None)
    await until(lambda: not folders(clinic))  # it goes when all is told


async def test_a_task_deleted_under_its_run_leaves_no_folder(service, clinic, wire):
    run, held = await held_at_the_end(service, clinic, wire)
    await clinic.release_job(run["id"], "Not needed.")
    answer = await clinic.client.delete(f"/api/v1/exam/task/{clinic.job}", headers=clinic.headers)
    assert answer.is_success, answer.text
    held.let_go()
    await service.run_in("failed", task_id=clinic.job)
    assert folders(clinic) == []


async def test_a_finish_whose_answer_is_lost_for_good_is_a_success_all_the_same(
    serving, clinic, wire, archive
):
    await clinic.measure(Scan((16, 16, 2), (160, 160, 160)))
    wire.disturb(answer_lost, "/finish$", times=1)
    wire.disturb(away, "/finish$")
    target = {"name": "PACS", "ip": "127.0.0.1", "port": archive, "aet_target": "PEER"}
    async with serving(exam_manager_patience_s=0.5) as service:
        answer = await service.user.post(f"{WORKFLOW}/targets", json=target)
        assert answer.is_success, answer.text
        await service.deliver(await clinic.event())
        run = await service.run_in("succeeded", "failed", task_id=clinic.job)
        (series,) = await service.get(f"/series?task_id={clinic.job}")

        async def sent():
            (dispatch,) = await service.get(f"/dispatches?exam_id={clinic.exam_id}")
            return dispatch["status"] == "sent"

        await until(sent)
    assert (run["status"], run["error"], series["complete"]) == ("succeeded", None, True)
    (result,) = (await clinic.task(clinic.job))["results"]
    assert result["id"] == run["result_id"]
    assert [path.name for path in folders(clinic)] == [run["result_id"]]


async def test_a_finished_task_that_was_started_again_keeps_the_first_result(serving, clinic, wire):
    """The answer to the finish was lost, and somebody took the task before it was repeated."""
    await clinic.measure(Scan((16, 16, 2), (160, 160, 160)))
    held = Held()
    lost = wire.disturb(answer_lost, "/finish$", times=1)
    wire.disturb(held, "/finish$", times=1)
    async with serving() as service:
        await service.deliver(await clinic.event())
        await asyncio.wait_for(lost.hit.wait(), 30)
        other = "00000000-0000-0000-0000-000000000009"
        await clinic.claim_job(other)
        held.let_go()
        run = await service.run_in("succeeded", "failed", task_id=clinic.job)
    assert (run["status"], run["error"]) == ("succeeded", None)
    job = await clinic.task(clinic.job)
    assert (job["status"], [r["id"] for r in job["results"]]) == ("STARTED", [run["result_id"]])
    assert [path.name for path in folders(clinic)] == [run["result_id"]]


async def test_while_nobody_knows_how_the_task_ended_its_files_stay(serving, clinic, wire):
    await clinic.measure(Scan((16, 16, 2), (160, 160, 160)))
    wire.disturb(answer_lost, "/finish$", times=1)
    wire.disturb(away, "/(finish|release)$")
    async with serving(exam_manager_patience_s=0.3) as service:
        await service.deliver(await clinic.event())
        await service.run_in("failed", task_id=clinic.job)
    (result,) = (await clinic.task(clinic.job))["results"]
    assert [path.name for path in folders(clinic)] == [result["id"]]


async def test_a_stopped_run_leaves_nothing(service, clinic, slow_job):
    await clinic.measure()
    await service.deliver(await clinic.event())
    await until(slow_job.pid)
    await service.user.post(f"{WORKFLOW}/stop_task/{clinic.job}/")
    run = await service.run_in("canceled", task_id=clinic.job)
    job = await clinic.task(clinic.job)
    assert (job["status"], job["results"], run["result_id"]) == ("CANCELED", [], None)
    assert folders(clinic) == []
