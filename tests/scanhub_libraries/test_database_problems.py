"""A database that is away or busy is nobody's mistake: 503, and try again."""

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from sqlalchemy.exc import DBAPIError

from scanhub_libraries.database import create_engine
from scanhub_libraries.database_problems import answer_database_errors
from scanhub_libraries.problems import answer_with_problems


class RefusedError(Exception):
    """What a driver raises."""

    def __init__(self, state):
        super().__init__(state)
        self.sqlstate = state


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("08003", 503),
        ("57P01", 503),
        ("57P03", 503),
        ("53300", 503),
        ("40001", 503),
        ("42P01", 500),
    ],
)
async def test_what_is_nobodys_mistake_is_to_be_tried_again(state, status):
    app = FastAPI()
    answer_with_problems(app)
    answer_database_errors(app)

    @app.get("/")
    async def ask():
        raise DBAPIError("SELECT 1", {}, RefusedError(state))

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as http:
        answer = await http.get("/")
    assert answer.status_code == status
    if status == 503:
        assert answer.headers["Retry-After"] == "1"


async def test_a_socket_that_is_gone_is_a_connection_refused(tmp_path):
    engine = create_engine(f"postgresql+asyncpg://postgres@/exam?host={tmp_path}")
    with pytest.raises(ConnectionRefusedError):
        async with engine.connect() as connection:
            await connection.execute(sa.text("SELECT 1"))
    await engine.dispose()
