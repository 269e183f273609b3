"""What a service measures of itself; nothing of the web framework here.

Names of metrics begin with `scanhub_`, units are base units and part of the name, no label names a
person.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import col

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import Sessions, reading
from scanhub_libraries.outbox import OutboxEventColumns


@dataclass(frozen=True, slots=True)
class Measure:
    """One metric with its values.

    Args:
        name: `scanhub_...`, with its unit; counters end in `_total`.
        help: What it is.
        values: Value by label; the empty label for the only one.
        label: Name of the label.
        counter: It only grows.
    """

    name: str
    help: str
    values: Mapping[str, float]
    label: str = ""
    counter: bool = False


async def measure_outbox(sessions: Sessions, table: type[OutboxEventColumns]) -> list[Measure]:
    """Return what is told of events that have not reached the journal."""
    query = sa.select(sa.func.count(), sa.func.min(col(table.time)))
    async with reading(sessions) as session:
        row: Any = (await session.execute(query)).one()
    waiting, oldest = row  # none, when nothing waits
    age = 0.0 if oldest is None else max(0.0, (utc_now() - oldest).total_seconds())
    return [
        Measure("scanhub_outbox_events", "Events on their way to the journal", {"": waiting}),
        Measure("scanhub_outbox_oldest_seconds", "Age of the oldest of them", {"": age}),
    ]
