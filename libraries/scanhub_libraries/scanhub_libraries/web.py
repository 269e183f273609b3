"""What every service's FastAPI application has: problems, transactions, principals, health."""

import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import cache
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, Request
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Lifespan, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars

from scanhub_libraries.database import Sessions, reading, transaction
from scanhub_libraries.database_problems import answer_database_errors
from scanhub_libraries.docs_page import serve_document
from scanhub_libraries.errors import ScanHubError, UnauthenticatedError, UnavailableError
from scanhub_libraries.ids import new_id
from scanhub_libraries.logging import get_logger
from scanhub_libraries.metrics import metrics_router, nothing
from scanhub_libraries.openapi import complete
from scanhub_libraries.openapi_introductions import INTRODUCTIONS
from scanhub_libraries.openapi_texts import CONTACT, LICENSE
from scanhub_libraries.problems import ALWAYS, RefusedBodyError, answer_with_problems
from scanhub_libraries.readiness import DatabaseReady
from scanhub_libraries.route_directory import RouteDirectory
from scanhub_libraries.security.permissions import check_access, is_public
from scanhub_libraries.security.principal import ANONYMOUS, Principal
from scanhub_libraries.security.shared_keys import SharedKeys, principal_of_key
from scanhub_libraries.security.tokens import TokenVerifier

logger = get_logger(__name__)
CORRELATION_HEADER = "X-Correlation-Id"
COOKIE = "access_token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
MAX_BODY_BYTES = 16 * 2**20
"""What the body of a request may have where its router names no limit of its own."""
_LONGEST_ADDRESS = 64
_NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}
"""Whatever the environment says: texts of errors and addresses may name patients."""
_CORRELATION = re.compile(r"^[\w.-]{1,64}$", re.ASCII)


# --- transactions ---------------------------------------------------------------------------------


def sessions_of(request: Request) -> Sessions:
    """Return what opens the database, for routes that ask it once and need no transaction.

    Raises:
        UnavailableError: Services that share a process start one after the other, and the first
            may ask one that is not there yet.
    """
    sessions: Sessions | None = getattr(request.app.state, "sessions", None)
    if sessions is None:
        raise UnavailableError("The service is starting.")
    return sessions


async def get_session(request: Request) -> AsyncIterator[AsyncSession]:
    """Give a request its transaction; a request that only reads never waits for a writer.

    Raises:
        UnavailableError: The service is starting.
    """
    opened = reading if request.method in SAFE_METHODS else transaction
    async with opened(sessions_of(request)) as session:
        yield session


# scope="function": the commit happens before the answer is sent, so a failed commit is no 200.
SessionDep = Annotated[AsyncSession, Depends(get_session, scope="function")]
IfMatchDep = Annotated[
    str | None, Header(alias="If-Match", description='The version that was read: `"3"`')
]


# --- principals -----------------------------------------------------------------------------------


def find_token(connection: HTTPConnection) -> str | None:
    """Return the bearer token of a request, or of the cookie where the method changes nothing."""
    scheme, _, token = connection.headers.get("Authorization", "").partition(" ")
    if scheme:
        if scheme.lower() != "bearer" or not token.strip():
            raise UnauthenticatedError("Send the token as 'Authorization: Bearer <token>'.")
        return token.strip()
    if connection.scope["type"] == "http" and connection.scope["method"] in SAFE_METHODS:
        return connection.cookies.get(COOKIE)
    return None


async def authorize(connection: HTTPConnection) -> None:
    """Find out who is asking and refuse what the permission table does not allow."""
    if hasattr(connection.state, "principal"):
        return  # asked already, before the body was read
    verifier: TokenVerifier = connection.app.state.verifier
    method = connection.scope.get("method", "WS")
    route = f"{method} {route_path(connection)}"
    principal = ANONYMOUS
    # A public route asks for nobody: whoever comes with an old token may still log in anew.
    if not is_public(route):
        principal = principal_of_key(connection, route) or await _logged_in(connection, verifier)
    if principal is not ANONYMOUS:
        bind_contextvars(actor=principal.actor)
    check_access(route, principal)
    connection.state.principal = principal


async def _logged_in(connection: HTTPConnection, verifier: TokenVerifier) -> Principal:
    token = find_token(connection)
    if token is None:
        return ANONYMOUS
    for prefix, find in connection.app.state.own_tokens.items():
        if token.startswith(prefix):
            found: Principal = await find(token)
            return found
    return verifier.verify(token)


def route_path(connection: HTTPConnection) -> str:
    """Return the path template of the matched route."""
    return str(connection.scope["route"].path)


async def get_principal(request: Request) -> Principal:
    """Return who is asking."""
    principal: Principal = request.state.principal
    return principal


PrincipalDep = Annotated[Principal, Depends(get_principal)]


class AuthorizedBody:
    """Reads no byte of a body from somebody who may not call the route.

    The framework reads the body before it resolves dependencies, `authorize` among them: a stranger
    could fill the memory.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS:
            await self.app(scope, receive, send)
            return

        allowed = False

        async def receive_if_allowed() -> Message:
            nonlocal allowed
            if not allowed and "route" in scope:
                try:
                    await authorize(HTTPConnection(scope))
                except ScanHubError as error:
                    raise RefusedBodyError(error) from error
                allowed = True
            return await receive()

        await self.app(scope, receive_if_allowed, send)


# --- correlation ----------------------------------------------------------------------------------


def _address(scope: Scope) -> str | None:
    """Return where a connection comes from.

    Behind a gateway that is what the server makes of X-Forwarded-For: uvicorn believes it of the
    addresses in FORWARDED_ALLOW_IPS (127.0.0.1, if it is not set), and of nobody else.
    """
    client = scope.get("client")
    return str(client[0])[:_LONGEST_ADDRESS] if client else None


_ALWAYS = tuple((name.lower().encode(), value.encode()) for name, value in ALWAYS.items())


def _missing(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    given = {name for name, _ in headers}
    return [header for header in _ALWAYS if header[0] not in given]


class CorrelationMiddleware:
    """Gives every request an id that logs, events, problems and calls to other services carry."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        given = headers.get(CORRELATION_HEADER.lower().encode(), b"").decode("latin-1")
        correlation_id = given if _CORRELATION.match(given) else str(new_id())
        scope.setdefault("state", {})["correlation_id"] = correlation_id
        # A call within the process runs in the caller's context: put it back afterwards.
        outer = get_contextvars()
        clear_contextvars()
        bind_contextvars(correlation_id=correlation_id, address=_address(scope))
        started = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    (CORRELATION_HEADER.lower().encode(), correlation_id.encode()),
                    *_missing(message["headers"]),
                ]
                logger.debug(
                    "request",
                    method=scope["method"],
                    path=getattr(scope.get("route"), "path", scope["path"]),
                    status=message["status"],
                    milliseconds=round(1000 * (time.perf_counter() - started), 1),
                )
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        finally:
            clear_contextvars()
            bind_contextvars(**outer)


# --- application ----------------------------------------------------------------------------------

Readiness = Callable[[], Awaitable[None]]
OwnTokens = Mapping[str, Callable[[str], Awaitable[Principal]]]
"""How tokens begin that a service gives out itself, and who finds out whose they are."""


@cache
def _health_router(prefix: str) -> APIRouter:
    router = APIRouter(prefix=f"{prefix}/health", tags=["health"])

    @router.get("/readiness", summary="Say whether the service is ready")
    async def readiness(request: Request) -> dict[str, str]:
        """Answer `ok` once the service has started and its database answers."""
        if not request.app.state.started:
            raise UnavailableError("The service is starting.")
        await request.app.state.check_ready()
        return {"status": "ok"}

    return router


def _operation_id(route: APIRoute) -> str:
    """Return a short operation id: the function's name, with the prefix where it is not unique."""
    if route.name == "readiness":
        return f"{route.path.split('/')[3]}_readiness"
    return route.name


class ServiceApp(FastAPI):
    """An application whose OpenAPI document says what follows from the permission table."""

    def include_router(self, router: APIRouter, **options: Any) -> None:
        """Include a router; no body is without limit."""
        options.setdefault("max_body_size", MAX_BODY_BYTES)
        super().include_router(router, **options)

    def build_middleware_stack(self) -> ASGIApp:
        """Return the application with all that is around it; routes are looked up in a table."""
        router = self.router
        self.router = RouteDirectory(router)  # type: ignore[assignment]  # what is innermost
        try:
            return super().build_middleware_stack()
        finally:
            self.router = router

    def openapi(self) -> dict[str, Any]:
        """Return the document, made once."""
        if self.openapi_schema is None:
            complete(self, super().openapi())
        return super().openapi()


def create_service_app(
    *,
    title: str,
    version: str,
    prefixes: Sequence[str],
    lifespan: Lifespan[FastAPI],
    verifier: TokenVerifier,
    malformed_path_status: int = 422,
    shared_keys: SharedKeys | None = None,
) -> FastAPI:
    """Return the application of a service: everything but its routes.

    The lifespan sets `app.state.sessions`, and `app.state.started = True` when it is ready. It may
    set `app.state.check_ready`, which raises UnavailableError while something is missing (without:
    while the database does not answer),
    `app.state.measure`, which says what the service measures, and `app.state.own_tokens`, for
    tokens that the service gives out itself.

    Args:
        title: Title of the OpenAPI document.
        version: Version of the service.
        prefixes: Path prefixes; each carries `openapi.json` and `docs`.
        lifespan: Opens and closes everything.
        verifier: Verifies tokens.
        malformed_path_status: Status for a malformed id in a path (ScanHub's exam paths: 400).
        shared_keys: Keys that programs of others show, by what they are for.
    """
    app = ServiceApp(
        title=title,
        description=INTRODUCTIONS.get(title, ""),
        contact=CONTACT,
        license_info=LICENSE,
        version=version,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(authorize)],
        generate_unique_id_function=_operation_id,
        redirect_slashes=False,
        telemetry=_NO_TELEMETRY,
    )
    app.state.verifier = verifier
    app.state.malformed_path_status = malformed_path_status
    app.state.shared_keys = shared_keys or {}
    app.state.started, app.state.own_tokens = False, {}
    app.state.check_ready = DatabaseReady(app)
    app.state.measure = nothing
    answer_with_problems(app)
    answer_database_errors(app)
    app.add_middleware(AuthorizedBody)
    app.add_middleware(CorrelationMiddleware)
    serve_document(app, prefixes)
    for prefix in prefixes:
        app.include_router(_health_router(prefix))
    app.include_router(metrics_router(prefixes[0]))
    return app
