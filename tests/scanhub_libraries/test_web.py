from contextlib import asynccontextmanager
from uuid import UUID

import httpx
import pytest
from fastapi import APIRouter, Request
from sqlalchemy import exc
from structlog.contextvars import bound_contextvars, get_contextvars

from scanhub_libraries.clients.base import ServiceClient
from scanhub_libraries.database import create_engine, create_sessions, sqlite_url
from scanhub_libraries.errors import ConflictError, NotFoundError, UnavailableError
from scanhub_libraries.models import UserRole
from scanhub_libraries.security import access, permissions
from scanhub_libraries.security.tokens import TokenVerifier
from scanhub_libraries.web import (
    COOKIE,
    MAX_BODY_BYTES,
    PrincipalDep,
    SessionDep,
    create_service_app,
)

THING = "/api/v1/thing"


def make_router(prefix=THING):
    router = APIRouter(prefix=prefix)

    @router.get("/{thing_id}")
    async def get_thing(thing_id: UUID, who: PrincipalDep, session: SessionDep) -> dict[str, str]:
        return {"actor": who.actor, "bound": str(get_contextvars().get("actor"))}

    @router.post("/{thing_id}")
    async def post_thing(thing_id: UUID, thing: dict[str, int] | None = None) -> None:
        raise ConflictError("It is taken.", reasons=["taken", "painted"])

    @router.delete("/{thing_id}")
    async def delete_thing(request: Request, thing_id: UUID) -> None:
        raise getattr(request.app.state, "failure", RuntimeError("secret path /etc/passwd"))

    @router.put("/{thing_id}")
    async def put_thing(thing_id: UUID) -> None:
        """No row in the table."""

    return router


@pytest.fixture
async def app(tmp_path, keys, monkeypatch):
    for method in ("GET", "POST", "DELETE"):
        for prefix in (THING, f"{THING}/unlimited"):
            row = f"{method} {prefix}/{{thing_id}}"
            monkeypatch.setitem(permissions.PERMISSIONS, row, access.CLINICAL)
    monkeypatch.setitem(permissions.PERMISSIONS, f"GET {THING}/health/readiness", access.PUBLIC)

    @asynccontextmanager
    async def lifespan(app):
        engine = create_engine(sqlite_url(tmp_path / "x.sqlite"))
        app.state.sessions = create_sessions(engine)
        app.state.started = True
        yield
        await engine.dispose()

    app = create_service_app(
        title="Things",
        version="1",
        prefixes=[THING],
        lifespan=lifespan,
        verifier=TokenVerifier(keys.public_pem),
    )
    app.include_router(make_router(), max_body_size=1000)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def http(app):
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://thing") as client:
        yield client


PATH = f"{THING}/01a1fbf4-dcc8-7640-bf93-7d33cc211f99"


async def test_a_user_is_known_to_the_route_and_to_the_log(http, headers_of):
    response = await http.get(PATH, headers=headers_of(username="ada"))
    assert response.json() == {"actor": "user:ada", "bound": "user:ada"}


@pytest.mark.parametrize(
    ("headers", "slug"),
    [
        ({}, "unauthenticated"),
        ({"Authorization": "Bearer x.y.z"}, "token-invalid"),
        ({"Authorization": "Basic YTpi"}, "unauthenticated"),
        ({"Authorization": "Bearer "}, "unauthenticated"),
    ],
)
async def test_without_a_valid_token_it_is_401(http, headers, slug):
    response = await http.get(PATH, headers=headers)
    assert response.status_code == 401
    assert response.json()["type"] == f"/problems/{slug}"
    assert response.headers["WWW-Authenticate"] == "Bearer"


async def test_a_wrong_role_is_403_and_says_who_may(http, headers_of):
    response = await http.get(PATH, headers=headers_of(UserRole.ENGINEER))
    assert response.status_code == 403
    assert "medical" in response.json()["detail"]


async def test_a_route_without_a_row_is_refused(http, headers_of):
    response = await http.put(PATH, headers=headers_of(UserRole.ADMIN))
    assert response.status_code == 403
    assert "no row" in response.json()["detail"]


async def test_the_cookie_counts_for_reading_only(http, headers_of):
    token = headers_of()["Authorization"].removeprefix("Bearer ")
    cookie = {"Cookie": f"{COOKIE}={token}"}
    assert (await http.get(PATH, headers=cookie)).status_code == 200
    assert (await http.post(PATH, headers=cookie)).status_code == 401


async def test_an_expected_error_is_a_problem_with_its_reasons(http, headers_of):
    response = await http.post(PATH, headers={**headers_of(), "X-Correlation-Id": "abc-1"})
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["X-Correlation-Id"] == "abc-1"
    assert response.json() == {
        "type": "/problems/conflict",
        "title": "Conflict",
        "status": 409,
        "detail": "It is taken.",
        "instance": PATH,
        "correlation_id": "abc-1",
        "reasons": ["taken", "painted"],
    }


async def test_a_malformed_id_names_the_field(http, headers_of):
    response = await http.get(f"{THING}/abc", headers=headers_of())
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/path/thing_id"


async def test_a_bug_is_a_500_that_gives_nothing_away(http, headers_of):
    response = await http.delete(PATH, headers=headers_of())
    assert response.status_code == 500
    assert "passwd" not in response.text
    assert response.json()["correlation_id"]


@pytest.mark.parametrize("bad", ["x" * 65, "a b", "a\tb", ""])
async def test_a_strange_correlation_id_is_replaced(http, bad):
    response = await http.get(f"{THING}/health/readiness", headers={"X-Correlation-Id": bad})
    assert response.headers["X-Correlation-Id"] != bad


async def test_a_call_within_the_process_leaves_the_callers_context_alone(http):
    with bound_contextvars(actor="user:outer", correlation_id="outer-1"):
        response = await ServiceClient(http).request("GET", f"{THING}/health/readiness")
        assert response.headers["X-Correlation-Id"] == "outer-1"
        assert get_contextvars() == {"actor": "user:outer", "correlation_id": "outer-1"}


async def test_a_client_gets_the_error_that_the_service_raised(http, headers_of):
    token = headers_of()["Authorization"].removeprefix("Bearer ")
    with pytest.raises(ConflictError) as caught:
        await ServiceClient(http).request("POST", PATH, token=token)
    assert caught.value.extensions == {"reasons": ["taken", "painted"]}
    with pytest.raises(NotFoundError):
        await ServiceClient(http).request("GET", "/nowhere", token=token)


async def test_a_service_that_cannot_be_reached_is_unavailable():
    async with httpx.AsyncClient(base_url="http://127.0.0.1:9") as client:
        with pytest.raises(UnavailableError, match="cannot be reached"):
            await ServiceClient(client).request("GET", "/x")


async def test_readiness_waits_for_the_lifespan(http, app):
    assert (await http.get(f"{THING}/health/readiness")).json() == {"status": "ok"}
    app.state.started = False
    assert (await http.get(f"{THING}/health/readiness")).status_code == 503


async def test_an_unknown_route_is_a_problem(http):
    response = await http.get("/nowhere")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == "/problems/not-found"


async def test_a_wrong_method_names_every_method_of_the_path(http):
    response = await http.patch(PATH)
    assert response.status_code == 405
    assert response.headers["Allow"] == "DELETE, GET, POST, PUT"
    assert response.headers["content-type"] == "application/problem+json"
    assert "DELETE, GET, POST, PUT" in response.json()["detail"]


@pytest.mark.parametrize("told", [True, False])
async def test_a_body_over_the_limit_is_a_problem_that_names_the_limit(http, headers_of, told):
    async def pieces():
        for _ in range(3):
            yield b" " * 1000

    body = b" " * 3000 if told else pieces()
    response = await http.post(PATH, headers=headers_of(), content=body)
    assert response.status_code == 413
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["X-Correlation-Id"]
    assert response.json()["type"] == "/problems/payload-too-large"
    assert "1000 bytes" in response.json()["detail"]


class Upload:
    """A body that counts how much of it was read."""

    def __init__(self, pieces):
        self.pieces, self.read = pieces, 0

    async def __aiter__(self):
        for _ in range(self.pieces):
            self.read += 1
            yield b" " * 100


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x"])
@pytest.mark.parametrize("role", [None, UserRole.ENGINEER])
async def test_nothing_is_read_of_what_somebody_sends_who_may_not(http, headers_of, kind, role):
    body, who = Upload(9), headers_of(role) if role else {}
    answer = await http.post(PATH, content=aiter(body), headers={"Content-Type": kind, **who})
    assert answer.status_code == (403 if role else 401)
    assert answer.json()["instance"] == PATH
    assert body.read == 0


async def test_a_body_has_a_limit_also_where_a_route_names_none(app, http, headers_of):
    app.include_router(make_router(f"{THING}/unlimited"))
    body = Upload(MAX_BODY_BYTES // 100 + 9)
    kind = {"Content-Type": "application/json"}
    path = PATH.replace(THING, f"{THING}/unlimited")
    answer = await http.post(path, content=aiter(body), headers={**headers_of(), **kind})
    assert answer.status_code == 413
    assert str(MAX_BODY_BYTES) in answer.json()["detail"]


async def test_what_a_service_answers_is_kept_nowhere_and_is_what_it_says(http, headers_of):
    for headers in (headers_of(), {}):
        answer = await http.get(PATH, headers=headers)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (exc.TimeoutError("QueuePool limit of size 15 overflow 0 reached"), 503),
        (exc.OperationalError("BEGIN", None, Exception("database is locked")), 503),
        (ConnectionRefusedError("the database server is away"), 503),
        (exc.IntegrityError("INSERT", None, Exception("UNIQUE constraint failed")), 409),
        (exc.ProgrammingError("SELEKT", None, Exception("syntax error")), 500),
    ],
)
async def test_a_database_that_is_busy_or_away_is_no_bug(app, http, headers_of, failure, status):
    app.state.failure = failure
    answer = await http.delete(PATH, headers=headers_of())
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["correlation_id"] == answer.headers["X-Correlation-Id"]
    assert (answer.headers.get("Retry-After") == "1") is (status == 503)


async def test_a_service_that_has_not_started_yet_says_so(app, headers_of):
    """In one process, the relay of the first service delivers while the others start."""
    transport = httpx.ASGITransport(app=app)
    del app.state.sessions
    async with httpx.AsyncClient(transport=transport, base_url="http://thing") as http:
        answer = await http.get(f"{THING}/{UUID(int=1)}", headers=headers_of())
    assert answer.status_code == 503
    assert "starting" in answer.json()["detail"]


async def test_the_environment_turns_no_export_of_errors_on(keys, monkeypatch, caplog):
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")

    @asynccontextmanager
    async def lifespan(app):
        yield

    app = create_service_app(
        title="Thing",
        version="1",
        prefixes=[THING],
        lifespan=lifespan,
        verifier=TokenVerifier(keys.public_pem),
    )
    sent = []

    async def send(message):
        sent.append(message["type"])

    waiting = [{"type": "lifespan.shutdown"}, {"type": "lifespan.startup"}]

    async def receive():
        return waiting.pop()

    await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert caplog.messages == []  # it did not even try
