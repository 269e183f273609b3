"""Whether a service is ready: its database answers."""

import sqlalchemy as sa
from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError

from scanhub_libraries.database import reading
from scanhub_libraries.errors import UnavailableError


class DatabaseReady:
    """Asks the database of an application whether it is there."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    async def __call__(self) -> None:
        """Raise UnavailableError while the database does not answer."""
        try:
            async with reading(self._app.state.sessions) as session:
                await session.execute(sa.text("SELECT 1"))
        except (SQLAlchemyError, OSError) as error:
            raise UnavailableError("The database does not answer.") from error
