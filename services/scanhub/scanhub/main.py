"""Composition root: builds the services, joins them, enters their lifespans.

The same code runs all three in one process (the default; they call one another by
`LocalClient`) or one alone (`--only`; over the network). Tokens are checked either way.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI
from pydantic import SecretStr
from pydantic_settings import BaseSettings
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from device_manager.main import close_streams as close_device_streams
from device_manager.main import create_app as create_device_manager
from device_manager.settings import DeviceManagerSettings
from exam_manager.main import create_app as create_exam_manager
from exam_manager.settings import ExamManagerSettings
from scanhub.backup.by_request import requested_backups
from scanhub.examples import example_protocols
from scanhub.local_client import LocalClient
from scanhub.settings import SERVICES, InstallationSettings, ServiceName
from scanhub.simulators import SimulatorPark
from scanhub.tls import services_context
from scanhub.tracing import tracing_of
from scanhub.ui import UserInterface, find_ui
from scanhub_libraries.clients import ServiceTokenSource, TokenSource, WorkflowManagerClient
from scanhub_libraries.models import ServiceCredentials
from scanhub_libraries.outbox import Deliver
from scanhub_libraries.request_spans import RequestSpans
from scanhub_libraries.security.tokens import (
    SigningKeys,
    TokenSigner,
    TokenVerifier,
    former_keys,
    generate_keys,
    load_or_create_keys,
    load_public_key,
)
from workflow_manager.main import close_streams
from workflow_manager.main import create_app as create_workflow_manager
from workflow_manager.settings import WorkflowManagerSettings

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

    def __post_init__(self) -> None:
        """Read whom the others are believed by.

        Raises:
            TlsError: It cannot be read.
        """
        self.tls = services_context(self.settings)

    def client(self, service: ServiceName) -> httpx.AsyncClient:
        """Return the client of a service; it finds the application when it is called."""
        if service not in self._clients:
            if self.settings.only is None:
                client: httpx.AsyncClient = LocalClient(
                    _Late(self.apps, service), f"http://{service}"
                )
            else:
                client = httpx.AsyncClient(
                    base_url=self.settings.url_of(service), timeout=10.0, verify=self.tls or True
                )
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
    """Gives each request to the service whose prefix it bears, the rest to the UI.

    Args:
        apps: The services; each answers all that goes wrong in it by itself.
        otherwise: What serves the UI, and starts and ends them all.
    """

    def __init__(self, apps: dict[ServiceName, FastAPI], otherwise: ASGIApp) -> None:
        self._routes = [
            (f"{prefix}/", apps[service]) for service in apps for prefix in PREFIXES[service]
        ]
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "lifespan":
            await self._otherwise(scope, receive, send)
            return
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
        offline: Read no keys and no secrets; for the OpenAPI documents.
    """
    return _Builder(settings, offline=offline).build()


def workflow_settings(
    settings: InstallationSettings, *, offline: bool = False, **more: Any
) -> WorkflowManagerSettings:
    """Return the settings of workflow-manager in an installation.

    Args:
        settings: The installation.
        offline: Read no secrets.
        more: What goes before the environment.
    """
    given = {
        "database_url": settings.database_url("workflow-manager"),
        "engine_database_url": settings.engine_url,
        "lake_root": settings.lake_root,
        "lake_bucket": settings.lake_bucket,
        "dicom_port": settings.dicom_port,
        "dicom_host": settings.host,
        "dicom_ae_title": settings.dicom_ae_title,
        "secrets_key": None if offline else SecretStr(settings.target_secrets_key()),
    }
    return WorkflowManagerSettings(**{**given, **more})


def _signing_keys(
    settings: InstallationSettings, *, offline: bool
) -> tuple[SigningKeys | None, str]:
    """Return the keys that sign tokens, where exam-manager is served, and the one that verifies."""
    if settings.only not in {None, "exam-manager"}:
        return None, load_public_key(settings.keys_dir)
    keys = generate_keys() if offline else load_or_create_keys(settings.keys_dir)
    return keys, keys.public_pem


class _Builder:
    """Joins the services: each gets its settings, its peers and the public key."""

    def __init__(self, settings: InstallationSettings, *, offline: bool = False) -> None:
        self._settings = settings
        self._offline = offline
        self._keys, self._public_pem = _signing_keys(settings, offline=offline)
        self._former_pems = () if offline else former_keys(settings.keys_dir)
        self.peers = Peers(settings)
        self._told: dict[str, BaseSettings] = {"Installation": settings}
        self.simulators = SimulatorPark(settings) if settings.only is None else None
        self.tracing = None if offline else tracing_of(settings)

    def build(self) -> dict[ServiceName, FastAPI]:
        """Build what this process serves, in the order of starting."""
        builders: dict[ServiceName, Callable[[], FastAPI]] = {
            "exam-manager": self._exam_manager,
            "workflow-manager": self._workflow_manager,
            "device-manager": self._device_manager,
        }
        for service in _START_ORDER:
            if self._settings.only in {None, service}:
                self.peers.apps[service] = app = builders[service]()
                if self.tracing is not None:
                    app.add_middleware(RequestSpans, tracer=self.tracing.tracer(service))
        return self.peers.apps

    def _secret(self, service: ServiceName) -> str:
        return "offline" if self._offline else self._settings.service_secret(service)

    def _token_source(self, service: ServiceName) -> TokenSource:
        credentials = ServiceCredentials(service=service, secret=self._secret(service))
        return ServiceTokenSource(self.peers.client("exam-manager"), credentials)

    def _deliver(self, token_source: TokenSource) -> Deliver:
        """Return what brings a service's events to the journal."""
        client = WorkflowManagerClient(self.peers.client("workflow-manager"), token_source)
        return client.deliver

    @property
    def _is_with_exam_manager(self) -> bool:
        return "exam-manager" in self.peers.apps

    def _verifier(self) -> TokenVerifier:
        """Return what verifies tokens; beside exam-manager it knows at once what that revokes."""
        if not self._is_with_exam_manager:
            return TokenVerifier(self._public_pem, former=self._former_pems)
        own: TokenVerifier = self.peers.apps["exam-manager"].state.verifier
        return TokenVerifier(self._public_pem, own.revocations, former=self._former_pems)

    def _exam_manager(self) -> FastAPI:
        if self._keys is None:
            raise RuntimeError("exam-manager needs the private key.")
        signer = TokenSigner(self._keys.private_pem)

        async def own_token() -> str:
            return signer.service_token("exam-manager")

        settings = ExamManagerSettings(
            database_url=self._settings.database_url("exam-manager"),
            lake_root=self._settings.lake_root,
            lake_bucket=self._settings.lake_bucket,
            keys_folder=self._settings.keys_dir,
            service_secrets={service: SecretStr(self._secret(service)) for service in SERVICES},
        )
        workflow_manager = WorkflowManagerClient(self.peers.client("workflow-manager"), own_token)
        self._told["exam-manager"] = settings
        return create_exam_manager(
            settings,
            keys=self._keys,
            deliver=workflow_manager.deliver,
            check_job=workflow_manager.check_job,
            examples=example_protocols(),
        )

    def _workflow_manager(self) -> FastAPI:
        settings = workflow_settings(self._settings, offline=self._offline)
        return create_workflow_manager(
            settings,
            exam_manager=self.peers.client("exam-manager"),
            device_manager=self.peers.client("device-manager"),
            verifier=self._verifier(),
            token_source=self._token_source("workflow-manager"),
            follow_revocations=not self._is_with_exam_manager,
            backups=requested_backups(self._settings),
            beside=self._told,
            spans=self.tracing,
        )

    def _device_manager(self) -> FastAPI:
        token_source = self._token_source("device-manager")
        settings = DeviceManagerSettings(
            database_url=self._settings.database_url("device-manager"),
            lake_root=self._settings.lake_root,
            lake_bucket=self._settings.lake_bucket,
            token_key=SecretStr("0" * 64 if self._offline else self._settings.device_token_key()),
        )
        self._told["device-manager"] = settings
        return create_device_manager(
            settings,
            exam_manager=self.peers.client("exam-manager"),
            deliver=self._deliver(token_source),
            service_token=token_source,
            verifier=self._verifier(),
            follow_revocations=not self._is_with_exam_manager,
            simulators=self.simulators,
            tls=self.peers.tls,
        )


class ScanHub:
    """The application that `scanhub serve` runs."""

    def __init__(self, settings: InstallationSettings) -> None:
        builder = _Builder(settings)
        self._peers = builder.peers
        self._apps = builder.build()
        self._simulators = builder.simulators
        self._tracing = builder.tracing
        ui = Mount("/", app=UserInterface(find_ui(settings.ui_dir)))
        self.asgi = Dispatcher(self._apps, Starlette(routes=[ui], lifespan=self._lifespan))

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if self._tracing is not None:
                stack.push_async_callback(asyncio.to_thread, self._tracing.close)
            stack.push_async_callback(self._peers.close)
            for app in self._apps.values():
                # Starlette does not run the lifespan of an application inside another one.
                await stack.enter_async_context(app.router.lifespan_context(app))
            if self._simulators is not None:
                stack.push_async_callback(self._simulators.close)
            yield

    async def listen(self, port: int) -> None:
        """Start what connects to this server by itself, now that it listens."""
        if self._simulators is not None:
            await self._simulators.open(port)

    async def close_streams(self) -> None:
        """End what lasts for hours, so that the server can end: events, streams of scans."""
        if app := self._apps.get("workflow-manager"):
            await close_streams(app)
        if app := self._apps.get("device-manager"):
            await close_device_streams(app)
