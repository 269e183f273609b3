"""Rows of a table straight to SQLite, as SQLAlchemy would write them.

For threads that have a connection of their own (`thread_writer`): the session's way takes longer
than the statement, and goes through the event loop.
"""

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from pydantic_core import to_json
from sqlalchemy.dialects import sqlite

_DIALECT = sqlite.dialect(paramstyle="named", json_serializer=lambda value: to_json(value).decode())


class PlainInsert:
    """The INSERT of a table. Every column is given, but a number that the database makes up."""

    def __init__(self, table: sa.Table) -> None:
        columns = [c for c in table.c if c is not table.autoincrement_column]
        names = [column.name for column in columns]
        self._text = str(sa.insert(table).compile(dialect=_DIALECT, column_keys=names))
        self._writers = [(column.name, _writer_of(column.type)) for column in columns]

    def write(self, connection: sqlite3.Connection, row: Mapping[str, Any]) -> None:
        """Write a row into the transaction that the caller holds.

        Args:
            connection: With a transaction that writes.
            row: Values by the names of the columns.

        Raises:
            sqlite3.Error: The database does not take it.
        """
        values = {name: write(row[name]) if write else row[name] for name, write in self._writers}
        connection.execute(self._text, values)


def _writer_of(kind: sa.types.TypeEngine[Any]) -> Callable[[Any], Any] | None:
    """Return what makes of a value what SQLite stores; None: it is that already."""
    return kind.dialect_impl(_DIALECT).bind_processor(_DIALECT)
