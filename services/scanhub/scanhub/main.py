"""Composition root: builds the services, joins them, enters their lifespans.

The same code runs all three in one process (the default; they call one another over
`ASGITransport`) or one alone (`--only`; over the network). Tokens are checked either way.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import device_manager.main
import device_manager.settings
import exam_manager.main
import exam_manager.settings
import httpx
import workflow_manager.main
import workflow_manager.settings
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from scanhub.settings import SERVICES, InstallationSettings, ServiceName
from scanhub.ui import UserInterface, find_ui
from scanhub_libraries.clients import ServiceTokenSource, TokenSource, WorkflowManagerClient
from scanhub_libraries.models import ServiceCredentials
from scanhub_libraries.outbox import Deliver
from scanhub_libraries.security.tokens import (
    SigningKeys,
    TokenSigner,
    TokenVerifier,
    generate_keys,
    load_or_create_keys,
)

PREFIXES: dict[ServiceName, tuple[str, ...]] = {
    "exam-manager": ("/api/v1/exam", "/api/v1/patient", "/api/v1/userlogin"),
    "device-manager": ("/api/v1/device",),
    "workflow-manager": ("/api/v1/workflowmanager",),
}
# exam-manager first: the others get their tokens from it.
_START_ORDER: tuple[ServiceName, ...] = ("exam-manager", "workflow-manager", "device-manager")


@dataclass
class Peers:
    """How the services reach one another: within the process, or over the network."""

    settings: InstallationSettings
    apps: dict[ServiceName, FastAPI] = field(default_factory=dict)
    _clients: dict[ServiceName, httpx.AsyncClient] = field(default_factory=dict)

    def client(self, service: ServiceName) -> httpx.AsyncClient:
        """Return the client of a service; it finds the application when it is called."""
        if service not in self._clients:
            if self.settings.only is None:
                transport = httpx.ASGITransport(
                    app=_Late(self.apps, service), raise_app_exceptions=False
                )
                client = httpx.AsyncClient(transport=transport, base_url=f"http://{service}")
            else:
                client = httpx.AsyncClient(base_url=self.settings.url_of(service), timeout=10.0)
            self._clients[service] = client
        return self._clients[service]

    async def close(self) -> None:
        """Close the clients."""
        for client in self._clients.values():
            await client.aclose()


class _Late:
    """An application that is looked up when it is called: the services know one another."""

    def __init__(self, apps: dict[ServiceName, FastAPI], service: ServiceName) -> None:
        self._apps = apps
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._apps[self._service](scope, receive, send)


class Dispatcher:
    """Gives each request to the service whose prefix it bears, the rest to the UI."""

    def __init__(self, apps: dict[ServiceName, FastAPI], otherwise: ASGIApp) -> None:
        self._routes = [
            (f"{prefix}/", apps[service]) for service in apps for prefix in PREFIXES[service]
        ]
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        path = f"{scope['path']}/"
        for prefix, app in self._routes:
            if path.startswith(prefix):
                await app(scope, receive, send)
                return
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
            return
        await self._otherwise(scope, receive, send)


def build_apps(
    settings: InstallationSettings, *, offline: bool = False
) -> dict[ServiceName, FastAPI]:
    """Build the applications of the services that this process serves.

    Args:
        settings: The installation.
        offline: Nothing is read or written; for the OpenAPI documents.
    """
    return _build(Peers(settings), offline=offline)


def _build(peers: Peers, *, offline: bool = False) -> dict[ServiceName, FastAPI]:
    raise NotImplementedError
