"""Ready protocols: what is offered, and one taken in with a click."""

import shutil

import pytest
from protocol_documents import document, job, sequence, task

from scanhub_libraries.database import sqlite_url
from scanhub_libraries.models import ProtocolsFile, UserRole

EXAM = "/api/v1/exam"
URL = f"{EXAM}/protocols/examples"
DEVICE = "0190aaaa-0000-7000-8000-00000000d001"


@pytest.fixture
async def with_examples(start, empty_database, tmp_path):
    path = tmp_path / "exam.sqlite"
    shutil.copyfile(empty_database, path)
    tasks = task(ref="scan", sequence="s1"), job("images", inputs=["scan"])
    file = ProtocolsFile.model_validate(document(*tasks, sequences=[sequence()]))
    async with start(sqlite_url(path), migrate=False, examples={"quick": file}) as running:
        yield running


async def test_a_ready_protocol_is_taken_in_released_and_planned_on_the_device(with_examples):
    (offered,) = (await with_examples.call("GET", URL, expect=200)).json()
    assert (offered["key"], offered["exam_id"], len(offered["tasks"])) == ("quick", None, 2)
    made = await with_examples.make(f"{URL}/quick", {"device_id": DEVICE})
    exam_id = made["protocols"][0]["exam_id"]
    exam = (await with_examples.call("GET", f"{EXAM}/{exam_id}", expect=200)).json()
    scan, images = exam["workflows"][0]["tasks"]
    assert exam["released_at"] is not None
    assert (scan["device_id"], bool(scan["sequence_id"])) == (DEVICE, True)
    assert images["input_task_ids"] == [scan["id"]]
    (offered,) = (await with_examples.call("GET", URL, expect=200)).json()
    assert offered["exam_id"] == exam_id


async def test_a_ready_protocol_is_taken_in_once_and_only_by_who_may_release(with_examples):
    engineer = with_examples.headers_of(UserRole.ENGINEER)
    await with_examples.call("POST", f"{URL}/quick", json={}, headers=engineer, expect=403)
    await with_examples.make(f"{URL}/quick", {})
    refused = await with_examples.call("POST", f"{URL}/quick", json={}, expect=409)
    assert "is in the library already" in refused.json()["detail"]
    missing = await with_examples.call("POST", f"{URL}/slow", json={}, expect=404)
    assert "there is: quick" in missing.json()["detail"]


async def test_an_installation_may_have_none(platform):
    assert (await platform.call("GET", URL, expect=200)).json() == []
