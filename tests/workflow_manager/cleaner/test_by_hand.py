"""What an administrator removes by hand: what stays and why, what goes, what a crash leaves."""

import signal
from pathlib import Path

import pytest
from images import STUDY, write_instance
from nursery import start_program
from workflow_service import WORKFLOW, until

from scanhub_libraries.database import transaction
from scanhub_libraries.errors import ConflictError, NotFoundError
from scanhub_libraries.ids import new_id
from scanhub_libraries.models import UserRole
from scanhub_libraries.models.cleaner import RemovalIn
from workflow_manager.cases.rules import CaseState
from workflow_manager.cleaner.by_hand import remove_images
from workflow_manager.cleaner.cleaning import Cleaner
from workflow_manager.dicom.entries import Origin
from workflow_manager.dispatch.delivered import delivered
from workflow_manager.dispatch.rules import DispatchStatus
from workflow_manager.dispatch.service import dispatch_id_of, get_dispatch

SCRIPT = Path(__file__).parent / "cleaner_for_test.py"
both = pytest.mark.parametrize("shelf_url", ["sqlite", "postgresql"], indirect=True)


async def remove(shelf, study, *series):
    wanted = RemovalIn(reason="quality", series_instance_uids=list(series))
    async with transaction(shelf.wiring.sessions) as session:
        return await remove_images(session, study, wanted)


async def refusal(shelf, study, *series):
    with pytest.raises(ConflictError) as refused:
        await remove(shelf, study, *series)
    return refused.value


@both
async def test_a_study_that_is_done_goes_with_files_and_rows_and_is_told(shelf):
    await shelf.add_target()
    for uid in ("1.1", "1.2"):
        await shelf.sent(uid, 1, 2, study="9.1")
    await shelf.sent("1.3", 1)
    told = await remove(shelf, "9.1")
    assert (sorted(told.series_instance_uids), told.instances) == (["1.1", "1.2"], 4)
    assert shelf.files() - await shelf.indexed() == await shelf.removed_files()
    await Cleaner(shelf.wiring).round()
    assert await shelf.there() == {"1.3"}
    assert await shelf.removed_files() == set()
    events = await shelf.events("cleaner.removed")
    assert sorted(event.subject for event in events) == ["1.1", "1.2"]
    assert {(e.data["fate"], e.data["reason"]) for e in events} == {("by_hand", "quality")}
    assert sum(event.data["bytes"] for event in events) == told.size_bytes > 0
    row = await shelf.series("1.1")
    async with transaction(shelf.wiring.sessions) as session:
        dispatch = await get_dispatch(session, dispatch_id_of(row.id, "PACS"))
        assert await delivered(session, dispatch.id) == {}
    assert (dispatch.status, dispatch.sent) == (DispatchStatus.SENT, 2)
    assert dispatch.removed_at is not None
    with pytest.raises(NotFoundError, match=r"study 9\.1"):
        await remove(shelf, "9.1")


async def test_one_series_goes_and_the_others_stay(shelf):
    for uid in ("1.1", "1.2"):
        await shelf.receive(uid, 1, study="9.1")
        await shelf.case(uid, CaseState.DISCARDED, kept_days=3)
    with pytest.raises(NotFoundError, match=r"series 1\.7"):
        await remove(shelf, "9.1", "1.1", "1.7")
    assert (await remove(shelf, "9.1", "1.1")).instances == 1
    await Cleaner(shelf.wiring).round()
    assert await shelf.there() == {"1.2"}


REASONS = {
    CaseState.RECEIVING: "still arrive",
    CaseState.WAITING: "complete or discard it",
    CaseState.COMPLETE: "about to be sent",
    CaseState.DISPATCHING: "is being sent",
    CaseState.FAILED: "send it again or give it up",
}


@pytest.mark.parametrize("state", REASONS, ids=str)
async def test_what_moves_waits_or_failed_stays_and_the_reason_says_what_to_do(shelf, state):
    await shelf.add_target()
    await shelf.sent("1.1", 1, study="9.1")
    await shelf.sent("1.2", 1, study="9.1")
    await shelf.case("1.2", state, days=None)
    error = await refusal(shelf, "9.1")
    assert REASONS[state] in error.detail
    (refused,) = error.extensions["refused"]
    assert refused["series_instance_uid"] == "1.2"
    assert await shelf.there() == {"1.1", "1.2"}
    assert await shelf.events("cleaner.removed") == []


@both
async def test_what_is_held_sent_ours_or_not_decided_yet_stays(shelf):
    await shelf.add_target()
    await shelf.sent("1.1", 1)
    await shelf.hold("9.1.1")
    await shelf.receive("1.2", 1)  # the rules have not seen it
    await shelf.receive("1.3", 1, task_id=new_id())
    await shelf.case("1.3")
    await shelf.sent("1.4", 1)
    await shelf.change("1.4", complete=False)
    await shelf.sent("1.5", 1)
    await shelf.dispatch("1.5", status=DispatchStatus.WAITING, target="Other")
    await shelf.sent("1.6", 1)
    await shelf.dispatch("1.6", status=DispatchStatus.CANCELED, target="Other")
    row = await shelf.series("1.6")
    async with transaction(shelf.wiring.sessions) as session:
        canceled = await get_dispatch(session, dispatch_id_of(row.id, "Other"), lock=True)
        canceled.under_way = 1  # a thread still reads the files
    for uid, reason in {
        "1.1": "lift the hold",
        "1.2": "have not decided",
        "1.3": "result of a scan",
        "1.4": "still arrive",
        "1.5": "on its way to 'Other'",
        "1.6": "on its way to 'Other'",
    }.items():
        assert reason in (await refusal(shelf, f"9.{uid}")).detail
    assert len(await shelf.there()) == 6
    assert await shelf.removed_files() == set()


@pytest.mark.parametrize("spot", ["before the commit", "after the commit", "between the files"])
async def test_killed_while_it_is_removed_each_image_is_here_or_on_its_way_out(shelf, spot):
    await shelf.add_target()
    await shelf.sent("1.1", 1, 2, 3)
    settings = shelf.wiring.settings
    arguments = (settings.database_url, settings.lake_root, spot, "9.1.1")
    process = await start_program(SCRIPT, *arguments)
    assert await process.wait() == -signal.SIGKILL
    assert shelf.files() <= await shelf.indexed() | await shelf.removed_files()
    await Cleaner(shelf.wiring).round()
    began = spot != "before the commit"
    assert await shelf.there() == (set() if began else {"1.1"})
    assert len(await shelf.indexed()) == (0 if began else 3)
    assert len(await shelf.events("cleaner.removed")) == began


async def test_an_administrator_removes_a_study_and_nobody_else_does(serving, tmp_path, headers_of):
    async with serving(series_quiet_s=0.1) as service:
        path = write_instance(tmp_path / "scanner")
        await service.wiring.store.store_instance(path, Origin("SCANNER"))
        url, body = f"{WORKFLOW}/studies/{STUDY}/remove", {"reason": "wrong_worklist_entry"}

        async def decided():
            return await service.get("/cases?state=done") or await service.get(
                "/cases?state=discarded"
            )

        await until(decided)
        for role in (UserRole.MEDICAL, UserRole.SCIENTIST, UserRole.ENGINEER):
            answer = await service.user.post(url, json=body, headers=headers_of(role))
            assert answer.status_code == 403, answer.text
        hold = f"{WORKFLOW}/studies/{STUDY}/hold"
        assert (await service.user.put(hold, json={"reason": "a trial"})).status_code == 200
        answer = await service.user.post(url, json=body)
        assert answer.status_code == 409
        assert answer.json()["refused"][0]["reason"] == "The study is held: lift the hold first."
        assert (await service.user.delete(hold)).status_code == 204
        answer = await service.user.post(url, json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["instances"] == 1
        assert await service.get("/dicomweb/studies") == []
        await until(lambda: not list((tmp_path / "lake" / "dicom").rglob("*.2.1.dcm")))
        assert (await service.user.post(url, json=body)).status_code == 404
        (event,) = await service.get("/journal?type=cleaner.removed")
    assert (event["actor"], event["data"]["reason"]) == ("user:tester", "wrong_worklist_entry")
    assert "Doe" not in str(event)
