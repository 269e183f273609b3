"""The running applications answer 401 and 403 exactly where the permission table says so."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from effort import IN_CI
from fastapi import FastAPI
from nursery import start_nursery

from scanhub.main import PREFIXES, build_apps
from scanhub.settings import InstallationSettings
from scanhub_libraries.models import UserRole
from scanhub_libraries.security.permissions import PERMISSIONS, check_access
from scanhub_libraries.security.principal import ANONYMOUS, Principal
from scanhub_libraries.security.tokens import (
    SigningKeys,
    TokenSigner,
    TokenVerifier,
    load_or_create_keys,
)

NOBODY = "Not authenticated: log in"
NOT_THIS_ONE = "may not do this; it takes"
PASSWORD_FIRST = "Set a new password first"
ENDS_SESSIONS = "/userlogin"
"""What may be in the path of a route after which a token is good for nothing."""
SECONDS = 60


@dataclass
class Answer:
    """What an application answers, as far as it is a verdict of the table."""

    status: int
    body: str

    @property
    def verdict(self) -> str:
        """Say which refusal of the table this is; a rule of the domain may refuse too."""
        for words, status in ((NOBODY, 401), (NOT_THIS_ONE, 403), (PASSWORD_FIRST, 403)):
            if words in self.body:
                assert self.status == status, self
                return words
        return "let in"


async def ask(app: FastAPI, method: str, path: str, token: str | None) -> Answer:
    """Send a request without content; whoever answers with a stream is left after its start."""
    headers = [(b"authorization", f"Bearer {token}".encode())] if token else []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"test"), *headers],
        "client": ("127.0.0.1", 1),
        "server": ("test", 80),
    }
    sent, started = [{"type": "http.request", "body": b"", "more_body": False}], asyncio.Event()
    status, body = 0, b""

    async def receive() -> dict[str, Any]:
        if sent:
            return sent.pop()
        await started.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status, body
        status = message.get("status", status)
        body += message.get("body", b"")
        started.set()

    async with asyncio.timeout(SECONDS):
        await app(scope, receive, send)
    return Answer(status, body.decode("utf-8", "replace"))


def expected(row: str, principal: Principal) -> str:
    """Return the verdict that the table calls for."""
    try:
        check_access(row, principal)
    except Exception as error:
        for words in (NOBODY, NOT_THIS_ONE, PASSWORD_FIRST):
            if words in str(error):
                return words
        raise
    return "let in"


def callers(keys: SigningKeys) -> list[tuple[str, str | None, Principal]]:
    """Return a credential of every kind: what it is called, the token, and whose it is."""
    verifier = TokenVerifier(keys.public_pem)
    made = _tokens(TokenSigner(keys.private_pem))
    return [
        (name, token, verifier.verify(token) if token else ANONYMOUS)
        for name, token in made.items()
    ]


def _tokens(signer: TokenSigner) -> dict[str, str | None]:
    made: dict[str, str | None] = {
        role.value: signer.user_token("x", role, uuid4()) for role in UserRole
    }
    made["admin, password to be changed"] = signer.user_token(
        "x", UserRole.ADMIN, uuid4(), must_change_password=True
    )
    made["service"] = signer.service_token("device-manager")
    made["task"] = signer.task_token(uuid4(), uuid4(), uuid4())
    made["job"] = signer.job_token(uuid4(), uuid4(), uuid4())
    made["nobody"] = None
    return made


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[tuple[dict[str, FastAPI], Path]]:
    """The three services on databases of their own."""
    settings = InstallationSettings(data_dir=folder)
    settings.prepare()
    apps = build_apps(settings)
    async with AsyncExitStack() as stack:
        for app in apps.values():
            await stack.enter_async_context(app.router.lifespan_context(app))
        yield {str(service): app for service, app in apps.items()}, settings.keys_dir


def service_of(path: str) -> str:
    """Return whose route this is: the longest prefix counts."""
    found = [
        (len(prefix), service)
        for service, prefixes in PREFIXES.items()
        for prefix in prefixes
        if path.startswith(f"{prefix}/")
    ]
    return max(found)[1]


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_every_route_answers_every_caller_as_the_table_says(tmp_path: Path) -> None:
    wrong, asked = [], 0
    if not IN_CI:
        start_nursery()  # who asks what jobs there are waits for one
    async with opened(tmp_path) as (apps, keys_folder):
        keys = load_or_create_keys(keys_folder)
        known = callers(keys)
        for row in sorted(PERMISSIONS, key=lambda row: (ENDS_SESSIONS in row, row)):
            method, template = row.split(" ", 1)
            if method == "WS":
                continue  # shows its own credential, which test_link.py is about
            path = re.sub(r"\{[^}]+\}", lambda _: str(uuid4()), template)
            if ENDS_SESSIONS in row:
                known = callers(keys)
            for name, token, principal in known:
                answer = await ask(apps[service_of(path)], method, path, token)
                asked += 1
                if answer.verdict != expected(row, principal) or answer.status == 500:
                    wrong.append(f"{row} as {name}: {answer.status} {answer.body[:200]}")
    assert wrong == []
    assert asked >= 9 * 80
