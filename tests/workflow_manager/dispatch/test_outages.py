"""Targets that are away, slow or dead: what is for them waits, and what is for others does not."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from outgoing import Archive
from sqlmodel import select
from workflow_service import WORKFLOW, a_port, until

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import transaction
from workflow_manager.dispatch.delivered import note
from workflow_manager.dispatch.models import Dispatch
from workflow_manager.dispatch.rules import DispatchStatus

pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize("attempts", [15, pytest.param(400, marks=pytest.mark.long)])
async def test_after_hundreds_of_attempts_in_vain_it_still_arrives(serving, outgoing, attempts):
    archive, port = Archive(), a_port()
    await outgoing.add_target("PACS", port=port)
    await outgoing.queue(1, 2, "PACS")

    async def tried():
        (row,) = await outgoing.dispatches()
        assert row.status.value in {"queued", "sending", "waiting"}, row.error
        return row.attempt > attempts

    async with serving(dispatch_backoff_s=(0.0,) * 5000) as service:
        await until(tried, 200)
        async with archive.listening() as there:
            document = {"name": "PACS", "ip": "127.0.0.1", "aet_target": "PEER"}
            answer = await service.user.put(
                f"{WORKFLOW}/targets/PACS", json={**document, "port": there}
            )
            assert answer.status_code == 200, answer.text
            await until(outgoing.all_sent)
    assert archive.got == dict.fromkeys(outgoing.uids, 1)


async def test_what_waits_for_a_time_in_years_is_sent_soon(serving, outgoing):
    """The clock was years ahead when an attempt failed, and has been put back since."""
    archive, port = Archive(), a_port()
    await outgoing.add_target("PACS", port=port)
    await outgoing.queue(1, 2, "PACS")
    async with serving(dispatch_backoff_s=(3600.0,)) as service:

        async def waits():
            (row,) = await outgoing.dispatches()
            return row.status is DispatchStatus.WAITING

        await until(waits)
        async with archive.listening() as there:
            await service.user.put(
                f"{WORKFLOW}/targets/PACS",
                json={"name": "PACS", "ip": "127.0.0.1", "aet_target": "PEER", "port": there},
            )
            async with transaction(service.wiring.sessions) as session:
                row = await session.scalar(select(Dispatch))
                row.next_attempt_at = utc_now() + timedelta(days=2000)
            await until(outgoing.all_sent)
    assert archive.got == dict.fromkeys(outgoing.uids, 1)


@asynccontextmanager
async def silent_node():
    """A port that takes connections and says nothing."""
    writers = []
    server = await asyncio.start_server(lambda _, writer: writers.append(writer), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        for writer in writers:
            writer.transport.abort()


async def test_dead_targets_with_many_series_leave_a_place_for_another(serving, outgoing, tmp_path):
    (tmp_path / "to").mkdir()
    await outgoing.add_target("Share", target_type="folder", folder=str(tmp_path / "to"))
    # The node goes first: a service that ends waits for what it sends.
    async with serving(dicom_timeout_s=100.0) as service, silent_node() as port:
        outgoing.queueing = service.wiring.sessions
        dead = [f"Dead{number}" for number in range(5)]
        for name in dead:
            await outgoing.add_target(name, port=port, at_once=8)
        for number in range(1, 9):
            await outgoing.queue(number, 1, *dead)

        async def all_in_use():
            return len(await outgoing.dispatches(status="sending")) >= 16

        await until(all_in_use)
        await outgoing.queue(9, 2, "Share")

        async def arrived():
            return await outgoing.dispatches(target="Share", status="sent")

        await until(arrived)
        assert len(service.wiring.sending) >= 16  # the dead ones are waited for all the while
        assert not await outgoing.dispatches(target="Dead0", status="sent")


ANSWERS = {  # what each route says in each state
    "queued": {"retry": 200, "retry?again=true": 200, "cancel": 200, "redirect": 200},
    "sending": {"retry": 409, "retry?again=true": 409, "cancel": 200, "redirect": 200},
    "waiting": {"retry": 200, "retry?again=true": 200, "cancel": 200, "redirect": 200},
    "sent": {"retry": 409, "retry?again=true": 200, "cancel": 409, "redirect": 409},
    "failed": {"retry": 200, "retry?again=true": 200, "cancel": 409, "redirect": 200},
    "canceled": {"retry": 200, "retry?again=true": 200, "cancel": 409, "redirect": 200},
}
AFTER = {"retry": "queued", "retry?again=true": "queued", "cancel": "canceled"}


async def test_each_route_in_each_state(serving, outgoing):
    await outgoing.add_target("PACS", port=a_port())
    await outgoing.add_target("Other", port=a_port())
    async with serving() as service:
        await service.user.post(f"{WORKFLOW}/dispatches/pause")
        await outgoing.queue(1, 2, "PACS")
        (row,) = await outgoing.dispatches()
        for state, answers in ANSWERS.items():
            for action, expected in answers.items():
                async with transaction(outgoing.sessions) as session:
                    here = await session.get_one(Dispatch, row.id)
                    here.status = DispatchStatus(state)
                    await note(session, here, ["1.2.3"], confirmed=True, transcoded={})
                    before = here.attempt
                body = {"json": {"target": "Other"}} if action == "redirect" else {}
                url = f"{WORKFLOW}/dispatches/{row.id}/{action}"
                answer = await service.user.post(url, **body)
                assert answer.status_code == expected, (state, action, answer.text)
                (now,) = await outgoing.dispatches(id=row.id)
                if expected == 409:
                    assert (now.status.value, now.attempt) == (state, before)
                elif action == "redirect":
                    assert answer.json()["target"] == "Other"
                    assert now.status.value in {"canceled", "failed"}
                else:
                    assert now.status.value == AFTER[action]
                    assert now.attempt == before + ("retry" in action)
                    assert now.sent == (0 if "again" in action else 1)
                    assert await outgoing.delivered(now) == (
                        set() if "again" in action else {"1.2.3"}
                    )
