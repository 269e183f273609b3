"""Analyses stored sequences again when a newer analysis tells more: slowly, one at a time.

No transaction is open while a file is analysed. What cannot be analysed keeps its facts, gets a
note that says why, and is not tried again before the next analysis comes.
"""

import asyncio
from typing import Any

import sqlalchemy as sa
from sqlmodel import col

from exam_manager.sequences.models import Sequence
from exam_manager.sequences.pulseq_facts.facts import ANALYSIS_VERSION
from exam_manager.sequences.reader import SequenceReader
from exam_manager.sequences.service import seq_key
from scanhub_libraries.database import Sessions, reading, transaction
from scanhub_libraries.errors import ScanHubError
from scanhub_libraries.lake import Lake
from scanhub_libraries.logging import get_logger

logger = get_logger(__name__)
_FIRST_SECONDS = 5.0
"""The start of the service comes first."""
_PAUSE_SECONDS = 0.5
_BATCH = 100


class SequenceRefresh:
    """Goes through the stored sequences once after the start."""

    def __init__(self, sessions: Sessions, lake: Lake, read_sequence: SequenceReader) -> None:
        self._sessions = sessions
        self._lake = lake
        self._read_sequence = read_sequence
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, in the background."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End; what is left is done after the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        await asyncio.sleep(_FIRST_SECONDS)
        try:
            await self.refresh(_PAUSE_SECONDS)
        except Exception as error:
            logger.warning("stored sequences are not analysed again", exc_info=error)

    async def refresh(self, pause_seconds: float = 0.0) -> int:
        """Analyse all sequences whose facts are old; return how many there were."""
        done, last = 0, ""
        while ids := await self._old_after(last):
            for sequence_id in ids:
                await self._refresh_one(sequence_id)
                await asyncio.sleep(pause_seconds)
            done, last = done + len(ids), ids[-1]
        return done

    async def _old_after(self, last: str) -> list[str]:
        version = col(Sequence.facts)["analysis_version"].as_integer()
        query = (
            sa.select(col(Sequence.id))
            .where(sa.func.coalesce(version, 0) < ANALYSIS_VERSION, col(Sequence.id) > last)
            .order_by(col(Sequence.id))
            .limit(_BATCH)
        )
        async with reading(self._sessions) as session:
            return list(await session.scalars(query))

    async def _refresh_one(self, sequence_id: str) -> None:
        async with reading(self._sessions) as session:
            row = await session.get(Sequence, sequence_id)
        if row is None:
            return
        try:
            data = await self._lake.read(seq_key(row))
            facts = (await self._read_sequence(data)).model_dump(mode="json")
        except (ScanHubError, OSError) as error:
            facts = _with_note(row.facts, error)
            logger.warning("a sequence is not analysed again", sequence_id=sequence_id)
        async with transaction(self._sessions) as session:
            row = await session.get(Sequence, sequence_id, with_for_update=True)
            if row is not None:
                row.facts = facts


def _with_note(facts: dict[str, Any], error: Exception) -> dict[str, Any]:
    """Return the old facts with the reason why there are no newer ones."""
    reason = error.detail if isinstance(error, ScanHubError) else type(error).__name__
    note = f"not analysed again: {reason}"
    notes = [*(facts.get("notes") or []), note]
    return {**facts, "notes": notes, "analysis_version": ANALYSIS_VERSION}
