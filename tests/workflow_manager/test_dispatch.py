"""Images go to where they shall, and come back to it until they are there."""

import asyncio

import pytest
from images import storescp
from programs import require_program
from raw_files import Scan
from workflow_service import WORKFLOW, a_port, until

from scanhub_libraries.models import UserRole
from workflow_manager.dicom.scp import DicomListener
from workflow_manager.dispatch.rules import backoff_s


def target(port=104, **changes):
    return {
        "name": "PACS",
        "ip": "127.0.0.1",
        "port": port,
        "aet_target": "PEER",
        "aet_source": "SCANHUB",
        **changes,
    }


@pytest.fixture
async def finished_scan(clinic):
    await clinic.measure(Scan((16, 16, 4), (160, 160, 160)))


async def add_target(service, port, **changes):
    answer = await service.user.post(f"{WORKFLOW}/targets", json=target(port, **changes))
    assert answer.status_code == 201, answer.text


async def dispatch_in(service, clinic, *statuses, seconds=30.0):
    async def reached():
        rows = await service.get(f"/dispatches?exam_id={clinic.exam_id}")
        return rows[0] if rows and rows[0]["status"] in statuses else None

    return await until(reached, seconds)


async def test_images_of_our_own_scan_reach_the_target(service, clinic, finished_scan, tmp_path):
    program, port = require_program("storescp"), a_port()
    with storescp(program, tmp_path / "pacs", port):
        await add_target(service, port)
        await service.deliver(await clinic.event())
        sent = await dispatch_in(service, clinic, "sent", "failed")
    assert (sent["status"], sent["sent"], sent["instances"]) == ("sent", 4, 4)
    assert (sent["attempt"], sent["error"]) == (1, None)
    assert len(list((tmp_path / "pacs").iterdir())) == 4
    journal = [e["type"] for e in await service.get(f"/journal?subject={sent['id']}")]
    assert journal == ["dispatch.queued", "dispatch.sent"]
    by_series = await service.get(f"/dispatches?series={sent['series_instance_uid']}")
    assert [d["id"] for d in by_series] == [sent["id"]]


async def test_a_target_that_is_down_gets_its_images_when_it_is_up(
    service, clinic, finished_scan, tmp_path
):
    program, port = require_program("storescp"), a_port()
    await add_target(service, port)
    await service.deliver(await clinic.event())
    waiting = await dispatch_in(service, clinic, "waiting")
    assert waiting["error"].startswith(f"4 of 4 not sent: 127.0.0.1:{port} refuses connections")
    assert waiting["next_attempt_at"] is not None
    with storescp(program, tmp_path / "pacs", port):
        sent = await dispatch_in(service, clinic, "sent", "failed")
    assert sent["status"] == "sent"
    assert sent["attempt"] > 1
    assert sent["error"] is None
    assert len(list((tmp_path / "pacs").iterdir())) == 4


async def test_after_the_last_attempt_it_has_failed_with_a_reason_and_a_button(
    serving, clinic, finished_scan, tmp_path
):
    program, port = require_program("storescp"), a_port()
    async with serving(dispatch_backoff_s=(0.1,)) as service:
        await add_target(service, port)
        await service.deliver(await clinic.event())
        failed = await dispatch_in(service, clinic, "failed")
        assert "refuses connections" in failed["error"]
        assert failed["attempt"] == 2
        with storescp(program, tmp_path / "pacs", port):
            answer = await service.user.post(f"{WORKFLOW}/dispatches/{failed['id']}/retry")
            assert answer.status_code == 200, answer.text
            assert (await dispatch_in(service, clinic, "sent"))["sent"] == 4
        again = await service.user.post(f"{WORKFLOW}/dispatches/{failed['id']}/retry")
        assert again.status_code == 409


async def test_a_waiting_dispatch_survives_a_restart(serving, clinic, finished_scan, tmp_path):
    program, port = require_program("storescp"), a_port()
    async with serving(dispatch_backoff_s=(3.0,)) as service:
        await add_target(service, port)
        await service.deliver(await clinic.event())
        await dispatch_in(service, clinic, "waiting")
    with storescp(program, tmp_path / "pacs", port):
        async with serving(dispatch_backoff_s=(3.0,)) as service:
            assert (await dispatch_in(service, clinic, "sent", "failed"))["status"] == "sent"


async def test_only_what_is_not_there_yet_is_sent_again(service, clinic, finished_scan, tmp_path):
    port, received = a_port(), []

    def store(instance):
        received.append(instance)
        return 0xA700 if len(received) == 2 else 0x0000

    listener = DicomListener(ae_title="PEER", host="127.0.0.1", port=port, handler=store)
    listener.start()
    try:
        await add_target(service, port)
        await service.deliver(await clinic.event())
        sent = await dispatch_in(service, clinic, "sent", "failed")
    finally:
        await asyncio.to_thread(listener.stop)
    assert (sent["status"], sent["attempt"]) == ("sent", 2)
    assert len(received) == 5


async def test_a_target_that_is_off_gets_nothing(service, clinic, finished_scan):
    await add_target(service, a_port(), enabled=False)
    await service.deliver(await clinic.event())
    await service.run_in("succeeded", task_id=clinic.job)
    assert await service.get("/dispatches") == []


async def test_deleting_a_target_ends_what_was_on_its_way_there(service, clinic, finished_scan):
    await add_target(service, a_port())
    await service.deliver(await clinic.event())
    await dispatch_in(service, clinic, "waiting")
    assert (await service.user.delete(f"{WORKFLOW}/targets/PACS")).status_code == 204
    canceled = await dispatch_in(service, clinic, "canceled")
    assert canceled["error"] == "Target 'PACS' was deleted."


async def test_targets_are_made_changed_tested_and_deleted(service, tmp_path):
    program, port = require_program("storescp"), a_port()
    await add_target(service, port)
    double = await service.user.post(f"{WORKFLOW}/targets", json=target(port))
    assert double.status_code == 409
    with storescp(program, tmp_path / "pacs", port):
        answer = await service.user.post(f"{WORKFLOW}/targets/PACS/test")
        assert (answer.json()["ok"], answer.json()["detail"]) == (
            True,
            "The node answered the C-ECHO.",
        )
        assert [step["name"] for step in answer.json()["steps"]] == [
            "name",
            "connection",
            "AE title",
        ]
    answer = await service.user.post(f"{WORKFLOW}/targets/PACS/test")
    assert answer.json()["ok"] is False
    assert answer.json()["detail"].startswith(f"127.0.0.1:{port} refuses connections")
    changed = target(port, enabled=False, comment="moved")
    answer = await service.user.put(f"{WORKFLOW}/targets/PACS", json=changed)
    assert answer.json()["enabled"] is False
    renamed = await service.user.put(f"{WORKFLOW}/targets/PACS", json=target(port, name="other"))
    assert renamed.status_code == 409
    assert [t["name"] for t in await service.get("/targets")] == ["PACS"]
    assert (await service.user.delete(f"{WORKFLOW}/targets/PACS")).status_code == 204
    assert (await service.user.delete(f"{WORKFLOW}/targets/PACS")).status_code == 404
    journal = [e["type"] for e in await service.get("/journal")]
    assert journal == ["target.created", "target.updated", "target.deleted"]


@pytest.mark.parametrize(
    "wrong", [{"port": 0}, {"port": 70000}, {"aet_target": "x" * 17}, {"aet_target": "a\\b"}]
)
async def test_a_target_that_cannot_be_is_refused(service, wrong):
    answer = await service.user.post(f"{WORKFLOW}/targets", json={**target(), **wrong})
    assert answer.status_code == 422


async def test_only_administrators_configure_targets(service, headers_of):
    for role in (UserRole.MEDICAL, UserRole.ENGINEER):
        answer = await service.user.post(
            f"{WORKFLOW}/targets", json=target(), headers=headers_of(role)
        )
        assert answer.status_code == 403


def test_backoff_grows_ends_and_is_the_same_each_time():
    delays = (10.0, 60.0)
    first = backoff_s(1, delays, "a")
    assert 10 <= first <= 11
    assert first == backoff_s(1, delays, "a")
    assert first != backoff_s(1, delays, "b")
    assert 60 <= backoff_s(2, delays, "a") <= 66
    assert backoff_s(3, delays, "a") is None
