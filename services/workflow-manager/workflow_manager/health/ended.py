"""How much has come to a good end: the only counts that grow with an installation.

A database counts rows by reading their index. Of what is under way or failed there are few; of what
is done there are millions, and nobody waits for that number.
"""

import time
from collections.abc import Collection, Mapping
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

_SHARE: Final = 100.0
"""After a count it rests for so many times as long as it took: a hundredth of a processor."""


class EndedCounts:
    """Counts what has ended well, the more seldom the longer it takes."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, Mapping[str, int]]] = {}

    async def of(
        self, session: AsyncSession, name: str, state: Any, ended: Collection[Any]
    ) -> Mapping[str, int]:
        """Return how many are in each of these states, now or some time ago.

        Args:
            session: Where to count.
            name: Of what.
            state: The column.
            ended: States that are counted.
        """
        due, counts = self._known.get(name, (0.0, {}))
        began = time.monotonic()
        if began >= due:
            counts = await count_by_state(session, state, ended)
            now = time.monotonic()
            self._known[name] = (now + _SHARE * (now - began), counts)
        return counts


async def count_by_state(
    session: AsyncSession, state: Any, states: Collection[Any]
) -> Mapping[str, int]:
    """Return how many are in each of these states; what none is in is not named."""
    query = sa.select(state, sa.func.count()).where(state.in_(states)).group_by(state)
    return {str(name): count for name, count in (await session.execute(query)).all()}
