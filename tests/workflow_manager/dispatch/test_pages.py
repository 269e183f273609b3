"""The list of what is sent where, page by page: each once, whatever is queued meanwhile."""

from uuid import uuid4

import sqlalchemy as sa
from workflow_service import WORKFLOW

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import transaction
from workflow_manager.dispatch.models import Dispatch


async def test_pages_of_dispatches_name_each_once(serving, outgoing):
    async with serving() as service:
        await outgoing.add_target("PACS", port=104)
        await outgoing.add_target("OTHER", port=104)
        paused = await service.user.post(f"{WORKFLOW}/dispatches/pause")
        assert paused.status_code == 200
        for number in range(1, 5):
            await outgoing.queue(number, 1, "PACS", "OTHER")
        async with transaction(outgoing.sessions) as session:  # many in one moment
            await session.execute(sa.update(Dispatch).values(created_at=utc_now()))
        await outgoing.queue(5, 1, "PACS")

        async def page(**query):
            answer = await service.user.get(f"{WORKFLOW}/dispatches", params=query)
            assert answer.status_code == 200, answer.text
            return [row["id"] for row in answer.json()]

        whole = await page()
        assert len(set(whole)) == 9
        first = await page(limit=4)
        await outgoing.queue(6, 1, "PACS")
        second = await page(limit=4, before=first[-1])
        third = await page(limit=4, before=second[-1])
        assert first + second + third == whole
        assert await page(before=third[-1]) == []
        of_one = await page(target="OTHER", limit=2)
        assert len({*of_one, *await page(target="OTHER", before=of_one[-1])}) == 4
        assert await page(before=str(uuid4())) == []
