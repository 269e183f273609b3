"""Dispatches as people see them: whose images they are, and what they wait for."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.clock import utc_now
from scanhub_libraries.models import (
    DispatchDetail,
    DispatchOut,
    SendFailure,
    TranscodedInstance,
)
from scanhub_libraries.models.workflow_manager import CommitmentAsked
from workflow_manager.dicom.naming import series_descriptions, study_names
from workflow_manager.dispatch.delivered import count_transcoded, list_transcoded
from workflow_manager.dispatch.models import Dispatch
from workflow_manager.dispatch.pausing import waits_for
from workflow_manager.dispatch.repository import list_commitments
from workflow_manager.dispatch.rules import OffPeak
from workflow_manager.targets.repository import pauses

_MOST_INSTANCES = 1000


async def tell_all(
    session: AsyncSession, rows: Sequence[Dispatch], window: OffPeak
) -> list[DispatchOut]:
    """Return dispatches as they are told.

    Args:
        session: Where their names are.
        rows: Which ones.
        window: When off-peak series are sent.
    """
    paused, now = await pauses(session), utc_now()
    names = await study_names(session, [row.study_instance_uid for row in rows])
    descriptions = await series_descriptions(session, [row.series_id for row in rows])
    told = []
    for row in rows:
        known = names.get(row.study_instance_uid)
        told.append(
            DispatchOut.model_validate(
                {
                    **row.model_dump(exclude={"failures"}),
                    **(known.model_dump() if known is not None else {}),
                    "series_description": descriptions.get(row.series_id, ""),
                    "waits_for": waits_for(row, paused, window, now),
                }
            )
        )
    return told


async def tell(session: AsyncSession, row: Dispatch, window: OffPeak) -> DispatchOut:
    """Return a dispatch as it is told."""
    return (await tell_all(session, [row], window))[0]


async def tell_whole(session: AsyncSession, row: Dispatch, window: OffPeak) -> DispatchDetail:
    """Return a dispatch with each instance that could not be sent, or not as it is stored."""
    failed = sorted(row.failures.items())[:_MOST_INSTANCES]
    failures = [SendFailure(sop_instance_uid=uid, reason=str(why)) for uid, why in failed]
    told = await tell(session, row, window)
    transcoded = [
        TranscodedInstance(sop_instance_uid=uid, transfer_syntax_uid=syntax)
        for uid, syntax in await list_transcoded(session, row.id, limit=_MOST_INSTANCES)
    ]
    asked = [
        CommitmentAsked.model_validate(
            {
                **one.model_dump(exclude={"instances", "failed"}),
                "instances": len(one.instances),
                "failures": len(one.failed),
            }
        )
        for one in await list_commitments(session, row.id)
    ]
    return DispatchDetail(
        **told.model_dump(),
        failures=failures,
        transcoded=transcoded,
        transcoded_instances=await count_transcoded(session, row.id),
        commitments=asked,
    )
