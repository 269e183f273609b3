"""Insert what may be there already."""

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.database import is_postgresql
from workflow_manager.database import Table


async def insert_new(session: AsyncSession, row: Table, unique: str) -> bool:
    """Insert a row unless there is one with the same value; two at the same moment are one.

    Args:
        session: The transaction.
        row: A row that is not in the session.
        unique: The column whose value may be there already.

    Returns:
        Whether it is new.
    """
    table: Any = type(row)
    values = {
        name: value
        for name, value in row.model_dump().items()
        if not (name == "id" and value is None)
    }
    insert = postgresql.insert if is_postgresql(session) else sqlite.insert
    statement = insert(table).values(**values).on_conflict_do_nothing(index_elements=[unique])
    result: Any = await session.execute(statement)
    return bool(result.rowcount)
