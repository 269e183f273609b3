"""Within a process a request reaches an application as it would through httpx alone."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from scanhub.local_client import LocalClient

HOST = "http://exam-manager"


@pytest.fixture
def app():
    app = FastAPI()

    @app.api_route("/echo/{name}", methods=["GET", "POST", "DELETE"])
    async def echo(name: str, request: Request):
        body = await request.body()
        return {
            "name": name,
            "url": str(request.url),
            "method": request.method,
            "type": request.headers.get("content-type"),
            "token": request.headers.get("authorization"),
            "length": len(body),
            "body": body.decode(),
        }

    @app.get("/nothing", status_code=204)
    async def nothing():
        pass

    @app.get("/pieces")
    async def pieces(request: Request):
        async def some():
            for piece in (b"one", b"two"):
                yield piece

        return StreamingResponse(some())

    @app.get("/broken")
    async def broken():
        raise LookupError

    return app


async def both(app, *request, **options):
    """Return the answers over this client and over httpx alone."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        LocalClient(app, HOST) as local,
        httpx.AsyncClient(transport=transport, base_url=HOST) as plain,
    ):
        return await local.request(*request, **options), await plain.request(*request, **options)


@pytest.mark.parametrize(
    ("request_", "options"),
    [
        (("GET", "/echo/a"), {}),
        (("GET", "/echo/a"), {"headers": {"Authorization": "Bearer x"}, "params": None}),
        (("POST", "/echo/a"), {"json": {"name": "Müller", "weight": 61.5, "none": None}}),
        (("POST", "/echo/a"), {"json": []}),
        (("POST", "/echo/a"), {"data": {"username": "ada"}}),
        (("DELETE", "/echo/a"), {}),
        (("GET", "/echo/a"), {"params": {"after": 3, "all": True}}),
        (("GET", "/echo/a"), {"params": {}}),
        (("POST", "/echo/a"), {"params": {"id": "0197c1f0-1111-7000"}, "json": {}}),
        (("GET", "/echo/a"), {"params": {"q": "a b&c=ä~*", "of": [1, 2]}}),
        (("GET", "/echo/a%2Fb%20c"), {}),
        (("GET", "/echo/a b"), {}),
        (("GET", "/echo/ä"), {}),
        (("GET", "/echo/a?b=c"), {}),
        (("GET", "/nothing"), {}),
        (("GET", "/pieces"), {}),
        (("GET", "/nowhere"), {}),
        (("GET", "/broken"), {}),
    ],
)
async def test_the_answer_is_that_of_httpx_alone(app, request_, options):
    ours, theirs = await both(app, *request_, **options)
    assert (ours.status_code, ours.content) == (theirs.status_code, theirs.content)
    assert set(theirs.headers.multi_items()) <= set(ours.headers.multi_items())
    assert ours.is_error is theirs.is_error


async def test_a_document_that_is_no_json_is_refused(app):
    async with LocalClient(app, HOST) as local:
        with pytest.raises(ValueError, match="JSON compliant"):
            await local.request("POST", "/echo/a", json={"weight": float("nan")})


async def test_a_closed_client_sends_nothing(app):
    local = LocalClient(app, HOST)
    await local.aclose()
    with pytest.raises(RuntimeError, match="closed"):
        await local.request("GET", "/echo/a")


async def test_who_goes_away_takes_the_request_along(app):
    gone = []

    async def slow(scope, receive, send):
        try:
            await receive()
            await receive()  # until the answer is complete, which it never is
        finally:
            gone.append(scope["path"])

    async with LocalClient(slow, HOST) as local:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await local.request("GET", "/slow")
    assert gone == ["/slow"]
