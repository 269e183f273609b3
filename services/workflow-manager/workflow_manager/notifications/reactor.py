"""Queues what rules tell of the events of their cases."""

from scanhub_libraries.database import transaction
from scanhub_libraries.models import JournalEntry
from workflow_manager.journal.follower import JournalFollower
from workflow_manager.notifications.rules import ENDED, EVENT_OF
from workflow_manager.notifications.service import ATTEMPTS, attempt_of, queue_for
from workflow_manager.wiring import Wiring


def notification_follower(wiring: Wiring) -> JournalFollower:
    """Return what follows the events of cases.

    Killed between the row and its workflow, the sweep starts what is missing.
    """

    async def react(entry: JournalEntry) -> None:
        async with transaction(wiring.sessions) as session:
            rows = await queue_for(session, entry)
        for row in rows:
            if row.status not in ENDED:
                await ATTEMPTS.start(wiring.engine, attempt_of(row))

    return JournalFollower("notifications", wiring.sessions, wiring.tail, EVENT_OF, react)
