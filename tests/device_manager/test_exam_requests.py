"""ScanHub's six functions: alone against a foreign server, and against the real clinical record."""

import httpx
import pytest
import respx

from device_manager import exam_requests
from device_manager.exam_requests import RESULT_URI, SEQUENCE_URI, TASK_URI
from scanhub_libraries.clients import ExamManagerClient
from scanhub_libraries.errors import (
    BadRequestError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    UnavailableError,
)
from scanhub_libraries.ids import new_id
from scanhub_libraries.models import AcquisitionTaskOut, ResultType, SetResult

TOKEN = "token"
NOW = "2026-11-21T00:00:00Z"


def task_document(**changes):
    return {
        "id": str(new_id()),
        "name": "GRE",
        "task_type": "ACQUISITION",
        "creator": "test",
        "datetime_created": NOW,
        "position": 0,
        "version": 1,
        **changes,
    }


def result_document(**changes):
    return {
        "id": str(new_id()),
        "task_id": str(new_id()),
        "type": "NOT_SET",
        "directory": "",
        "files": [],
        "datetime_created": NOW,
        **changes,
    }


@respx.mock
async def test_without_a_client_the_functions_call_the_address_of_scanhub():
    task, result = task_document(), result_document()
    sequence = {"_id": "abc", "name": "s", "created_at": NOW, "seq_file": "text"}
    read = respx.get(f"{TASK_URI}/{task['id']}").respond(json=task)
    respx.put(f"{TASK_URI}/{task['id']}").respond(json={**task, "progress": 5})
    respx.get(f"{SEQUENCE_URI}/abc").respond(json=sequence)
    blank = respx.post(RESULT_URI, params={"task_id": task["id"]}).respond(201, json=result)
    respx.put(f"{RESULT_URI}/{result['id']}").respond(json={**result, "type": "MRD"})
    respx.delete(f"{RESULT_URI}/{result['id']}").respond(204)

    found = await exam_requests.get_task(task["id"], TOKEN)
    assert isinstance(found, AcquisitionTaskOut)
    assert read.calls.last.request.headers["Authorization"] == "Bearer token"
    assert (await exam_requests.set_task(task["id"], found, TOKEN)).progress == 5
    assert (await exam_requests.get_sequence("abc", TOKEN)).seq_file == "text"
    created = await exam_requests.create_blank_result(task["id"], TOKEN)
    assert str(created.id) == result["id"]
    assert blank.called
    payload = SetResult(type=ResultType.MRD, directory="d", files=["a.mrd"])
    stored = await exam_requests.set_result(result["id"], payload, TOKEN)
    assert stored.type is ResultType.MRD
    assert await exam_requests.delete_blank_result(result["id"], TOKEN) is None


@respx.mock
async def test_failures_are_errors_of_ours():
    task = task_document(task_type="DAG", dag_type="PROCESSING", dag_id="x")
    address = f"{TASK_URI}/{task['id']}"
    respx.get(address).respond(json=task)
    with pytest.raises(BadRequestError, match="DAG"):
        await exam_requests.get_task(task["id"], TOKEN)
    respx.get(address).respond(404, json={"detail": "no such task"})
    with pytest.raises(NotFoundError, match="no such task"):
        await exam_requests.get_task(task["id"], TOKEN)
    respx.get(address).mock(side_effect=httpx.ConnectError("down"))
    with pytest.raises(UnavailableError):
        await exam_requests.get_task(task["id"], TOKEN)
    respx.post(RESULT_URI).respond(409, json={"detail": "busy"})
    with pytest.raises(ConflictError):
        await exam_requests.create_blank_result(task["id"], TOKEN)
    result_id = str(new_id())
    respx.delete(f"{RESULT_URI}/{result_id}").respond(403)
    with pytest.raises(ForbiddenError):
        await exam_requests.delete_blank_result(result_id, TOKEN)
    for wrong in ("", "../../login", "None"):
        with pytest.raises(BadRequestError):
            await exam_requests.get_task(wrong, TOKEN)
        with pytest.raises(BadRequestError):
            await exam_requests.delete_blank_result(wrong, TOKEN)


async def test_against_the_real_clinical_record(lab, signer):
    client = ExamManagerClient(lab.exam)
    token = signer.service_token("device-manager")
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        task = await exam_requests.get_task(start["id"], token, exam_manager=client)
        assert str(task.id) == start["id"]
        progressed = task.model_copy(update={"progress": 55})
        stored = await exam_requests.set_task(start["id"], progressed, token, exam_manager=client)
        assert stored.progress == 55
        result_id = new_id()
        for _ in range(2):
            blank = await exam_requests.create_blank_result(
                start["id"], token, result_id=result_id, exam_manager=client
            )
            assert (blank.id, blank.type) == (result_id, ResultType.NOT_SET)
        folder = lab.folder(start, str(result_id))
        folder.mkdir(parents=True)
        (folder / "a.npy").write_bytes(b"x")
        filled = await exam_requests.set_result(
            str(result_id),
            SetResult(type=ResultType.NUMPY, directory="", files=["a.npy"]),
            token,
            exam_manager=client,
        )
        assert filled.files == ["a.npy"]
        await exam_requests.delete_blank_result(str(result_id), token, exam_manager=client)
        with pytest.raises(NotFoundError):
            await exam_requests.delete_blank_result(str(result_id), token, exam_manager=client)
        with pytest.raises(NotFoundError):
            await exam_requests.get_task(str(new_id()), token, exam_manager=client)
        with pytest.raises(NotFoundError):
            await exam_requests.get_sequence(str(new_id()), token, exam_manager=client)
