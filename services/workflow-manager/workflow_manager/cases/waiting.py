"""What cases wait for whose series are on their way: told when they are looked at, not kept.

The dispatches know it, and change more often than their cases do.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.clock import utc_now
from workflow_manager.cases import repository
from workflow_manager.cases.models import Case
from workflow_manager.cases.rules import CaseState
from workflow_manager.dispatch.models import Dispatch
from workflow_manager.dispatch.pausing import waits_for
from workflow_manager.dispatch.rules import DispatchStatus, OffPeak
from workflow_manager.targets.models import DispatchPause
from workflow_manager.targets.repository import pauses

_LONGEST = 500


async def waits_of(
    session: AsyncSession, cases: Sequence[Case], window: OffPeak
) -> dict[UUID, str]:
    """Say of cases that are on their way what they wait for; nothing of those that are being sent.

    Args:
        session: Where the dispatches are.
        cases: Any.
        window: When off-peak series are sent.
    """
    ids = [case.id for case in cases if case.state is CaseState.DISPATCHING]
    found = await repository.list_open_dispatches_of(session, ids)
    if not found:
        return {}
    paused, now = await pauses(session), utc_now()
    return {id_: _sentence(rows, paused, window, now) for id_, rows in found.items()}


def _sentence(
    rows: Sequence[Dispatch], paused: dict[str, DispatchPause], window: OffPeak, now: datetime
) -> str:
    """Say what the one waits for that comes first."""
    if any(row.status is DispatchStatus.SENDING for row in rows):
        return ""
    first = min(rows, key=lambda row: row.next_attempt_at or now)
    waits = waits_for(first, paused, window, now) or ""
    error = first.error if first.status is DispatchStatus.WAITING else None
    return f" {waits} {first.target}: {error}"[:_LONGEST] if error else f" {waits}"
