"""Databases and roles of PostgreSQL as `scanhub database-roles` makes them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import sqlalchemy as sa

from scanhub.backup.postgresql import connect
from scanhub.database_roles import database_names, server_statements, statements_in
from scanhub_libraries.ids import new_id

Url = Callable[[str | None, str | None], str]


@asynccontextmanager
async def made_roles(server_url: str) -> AsyncIterator[Url]:
    """Make them under names of their own; yield what gives the URL of a database for a role."""
    server = sa.make_url(server_url)
    prefix = f"t{new_id().hex[-12:]}_"

    def url(role: str | None, database: str | None) -> str:
        changed = server.set(database=prefix + database) if database else server
        if role is not None:
            changed = changed.set(username=prefix + role)
        return changed.render_as_string(hide_password=False)

    async def execute(database: str | None, statements: list[str]) -> None:
        connection = await connect(url(None, database))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    await execute(None, server_statements(prefix, prefix))
    for name in database_names():
        await execute(name, statements_in(name, prefix))
    yield url
    dropped = [f'DROP DATABASE "{prefix}{name}" WITH (FORCE)' for name in database_names()]
    await execute(None, dropped)
    roles = ("owner", "exam", "device", "workflow")
    await execute(None, [f'DROP ROLE "{prefix}{name}"' for name in roles])
