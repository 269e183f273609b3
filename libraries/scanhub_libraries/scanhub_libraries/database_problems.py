"""What a database refuses at runtime, as problem documents: busy and away are nobody's mistake."""

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from sqlalchemy.exc import (
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    TimeoutError,  # noqa: A004 - SQLAlchemy's: no connection was free in time
)

from scanhub_libraries.errors import ConflictError, ScanHubError, UnavailableError
from scanhub_libraries.problems import problem_response

_RETRY = frozenset({"40001", "40P01", "53300"})
"""Serialization failure, deadlock, too many connections (PostgreSQL, appendix A)."""
_AWAY = ("08", "57P")
"""How states begin that say: the connection broke; the server ends, or is not up yet."""


def answer_database_errors(app: FastAPI) -> None:
    """Let an application answer what its database refuses."""
    app.add_exception_handler(DBAPIError, _database_error)
    app.add_exception_handler(TimeoutError, _unreachable)
    app.add_exception_handler(ConnectionError, _unreachable)


async def _database_error(request: Request, error: Exception) -> JSONResponse:
    """Answer what is nobody's mistake; whatever else it is, is ours."""
    if isinstance(error, IntegrityError):
        return _problem(
            request,
            ConflictError("Something it refers to was changed at the same moment: try again."),
        )
    state = getattr(getattr(error, "orig", None), "sqlstate", None)
    lost = isinstance(state, str) and (state in _RETRY or state.startswith(_AWAY))
    if isinstance(error, OperationalError | InterfaceError) or lost:
        return await _unreachable(request, error)
    raise error


async def _unreachable(request: Request, _error: Exception) -> JSONResponse:
    return _problem(
        request, UnavailableError("The database is busy or away: try again.", retry_after=1)
    )


def _problem(request: Request, error: ScanHubError) -> JSONResponse:
    return problem_response(
        request, error.status, error.slug, error.title, error.detail, **error.extensions
    )
