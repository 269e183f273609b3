"""A clock that is put back: a message does not wait for years to be sent again."""

import sys
from datetime import timedelta
from pathlib import Path

from sqlmodel import select
from workflow_service import until

sys.path.insert(0, str(Path(__file__).parent))
from cases_of_tests import a_case
from sinks import web_sink

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import transaction
from scanhub_libraries.events import EventType
from workflow_manager.journal.service import append, own_event
from workflow_manager.notifications.models import Notification

SETTINGS = {"webhook_http": True, "webhook_local": True, "notification_backoff_s": (3600.0, 3600.0)}


async def test_a_message_that_waits_for_a_time_in_years_is_sent_soon(serving):
    async with web_sink() as (sink, url):
        sink.answers = [503]
        async with serving(**SETTINGS) as service:
            options = {"rule": "True", "target": ["X"], "notification_webhook": url}
            case = await a_case(service.wiring.sessions, options)

            async def in_state(state):
                rows = await service.get(f"/notifications?case_id={case.id}")
                return rows and rows[0]["status"] == state

            event = own_event(EventType.CASE_DONE, case.id, {"case_id": str(case.id)})
            async with transaction(service.wiring.sessions) as session:
                await append(session, [event])
            await until(lambda: in_state("waiting"))
            async with transaction(service.wiring.sessions) as session:
                row = await session.scalar(select(Notification))
                row.next_attempt_at = utc_now() + timedelta(days=2000)
        async with serving(**SETTINGS) as service:
            await until(lambda: in_state("sent"))
    assert len(sink.got) == 2
