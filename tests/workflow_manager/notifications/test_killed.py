"""kill -9 between the attempts of a message: it arrives, once."""

import sys
from pathlib import Path

import pytest
from outside_killed import Outside
from workflow_service import over_http, until

sys.path.insert(0, str(Path(__file__).parent))
from cases_of_tests import a_case
from sinks import web_sink

from scanhub_libraries.database import create_engine, create_sessions, sqlite_url
from scanhub_libraries.events import EventType
from workflow_manager.journal.service import own_event

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
async def outside(tmp_path, clinic, keys, signer, headers_of, *, make_settings):
    found = Outside(tmp_path, clinic, keys, signer, headers_of)
    found.environment |= {
        "SCANHUB_WORKFLOW_WEBHOOK_HTTP": "true",
        "SCANHUB_WORKFLOW_WEBHOOK_LOCAL": "true",
        "SCANHUB_WORKFLOW_NOTIFICATION_BACKOFF_S": "[1, 1, 1, 1, 1]",
    }
    return found


@pytest.mark.long
async def test_a_message_that_waits_is_sent_once_after_the_process_was_killed(
    outside, clinic, tmp_path
):
    async with web_sink() as (sink, url), over_http(clinic.app) as exam_manager:
        sink.answers = [503]
        await outside.start(exam_manager)
        engine = create_engine(sqlite_url(tmp_path / "workflow.sqlite"))
        case = await a_case(create_sessions(engine), {"notification_webhook": url, "target": ["X"]})
        await engine.dispose()
        event = own_event(EventType.CASE_DONE, case.id, {"case_id": str(case.id)})
        await outside.deliver(event.model_dump(mode="json"))

        async def in_state(*states):
            rows = await outside.get(f"/notifications?case_id={case.id}")
            return rows if rows and rows[0]["status"] in states else None

        await until(lambda: sink.got)
        outside.kill()
        await outside.wait()
        await outside.start(exam_manager)
        (row,) = await until(lambda: in_state("sent", "failed"), 60)
        assert row["status"] == "sent"
        await outside.deliver(event.model_dump(mode="json"))  # the journal has it
        assert len(await outside.get(f"/notifications?case_id={case.id}")) == 1
        outside.kill()
        await outside.wait()
    # The kill may have come between the answer 503 and its record: then it was tried once more.
    assert {headers["x-scanhub-delivery"] for headers, _ in sink.got} == {row["id"]}
    assert sink.answers == []
    assert len(sink.got) == 2
