"""The application of device-manager.

Whoever serves it turns websocket compression off (`uvicorn --ws-per-message-deflate false`):
deflating raw data makes an upload ten times slower and starves the heartbeat of the device.
A listening socket that is made by hand names its protocol (`IPPROTO_TCP`): without uvloop, asyncio
turns Nagle's algorithm off only then, and a `start` or `stop` can wait 40 ms behind another frame.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version

import httpx
from fastapi import FastAPI

from device_manager.acquisitions import routes as acquisition_routes
from device_manager.acquisitions.control_room import ControlRoom
from device_manager.calibrations import routes as calibration_routes
from device_manager.certificates import routes as certificate_routes
from device_manager.database import OutboxEvent
from device_manager.devices import routes as device_routes
from device_manager.links import routes as link_routes
from device_manager.links.throttle import HandshakeThrottle
from device_manager.nodes.custody import Custody
from device_manager.nodes.forward import Forwarder, pass_requests_on
from device_manager.nodes.homes import Homes
from device_manager.nodes.membership import Alone, Membership, Together
from device_manager.nodes.shared import SharedHomes
from device_manager.parameters import routes as parameter_routes
from device_manager.parameters import schema_routes
from device_manager.safety import routes as safety_routes
from device_manager.settings import DeviceManagerSettings
from device_manager.simulators import routes as simulator_routes
from device_manager.simulators.park import NoPark, Park
from device_manager.streams import routes as stream_routes
from device_manager.streams.desk import StreamDesk
from device_manager.uploads import routes as upload_routes
from device_manager.uploads.archive import Archive
from device_manager.uploads.reception import Reception
from device_manager.uploads.sweep import UploadSweep
from scanhub_libraries.clients import ExamManagerClient, TokenSource
from scanhub_libraries.clients.base import RevocationFeed
from scanhub_libraries.database import Sessions, create_engine, create_sessions
from scanhub_libraries.ids import new_id
from scanhub_libraries.lake import Lake
from scanhub_libraries.lake_bucket import open_lake
from scanhub_libraries.measures import Measure, measure_outbox
from scanhub_libraries.migrate import upgrade
from scanhub_libraries.outbox import Deliver, OutboxRelay
from scanhub_libraries.security.access import METRICS
from scanhub_libraries.security.shared_keys import SharedKey
from scanhub_libraries.security.tokens import TokenVerifier
from scanhub_libraries.web import create_service_app

PREFIX = "/api/v1/device"


def create_app(
    settings: DeviceManagerSettings,
    *,
    exam_manager: httpx.AsyncClient,
    deliver: Deliver,
    service_token: TokenSource,
    verifier: TokenVerifier,
    lake: Lake | None = None,
    follow_revocations: bool = True,
    simulators: Park | None = None,
    tls: ssl.SSLContext | None = None,
) -> FastAPI:
    """Return the application; its lifespan migrates the database.

    Of several processes on one PostgreSQL database, each answers for the devices that are at home
    at it, and passes on what is asked of the others (docs/device-manager-processes.md).

    Args:
        settings: Deadlines, sizes, places.
        exam_manager: HTTP client of exam-manager.
        deliver: Where events go.
        service_token: Tokens for work that no user waits for.
        verifier: Verifies the tokens of users and of tasks.
        lake: Where files go; by default the folder in the settings.
        follow_revocations: Ask exam-manager for ended sessions; not needed when `verifier` has the
            list of exam-manager itself.
        simulators: Starts simulated scanners beside the server; by default there are none.
        tls: What certificates of other processes are checked with; None: as everywhere.
    """
    opening = _Opening(
        settings, exam_manager, deliver, service_token, lake, follow_revocations, tls
    )
    app = create_service_app(
        title="device-manager",
        version=version("device-manager"),
        prefixes=[PREFIX],
        lifespan=opening.opened,
        verifier=verifier,
        shared_keys={METRICS: SharedKey(settings.metrics_key, "SCANHUB_DEVICE_METRICS_KEY")},
    )
    app.state.simulators = simulators or NoPark()
    pass_requests_on(app)
    # Before the registry: `/{device_id}` would take `/acquisitions` for an id.
    app.include_router(acquisition_routes.router)
    app.include_router(link_routes.router)
    app.include_router(simulator_routes.router)
    # The size that was announced is the limit, and the settings limit that.
    app.include_router(upload_routes.router, max_body_size=settings.max_upload_bytes)
    app.include_router(stream_routes.router, max_body_size=settings.stream_max_bytes)
    app.include_router(safety_routes.router)
    app.include_router(schema_routes.router)
    app.include_router(parameter_routes.router)
    app.include_router(calibration_routes.router)
    app.include_router(certificate_routes.router)
    app.include_router(device_routes.router)
    return app


async def close_streams(app: FastAPI) -> None:
    """End the streams of scans now: a server that shuts down waits for open requests."""
    streams: StreamDesk | None = getattr(app.state, "streams", None)
    if streams is not None:
        streams.close_streams()


async def _measure(app: FastAPI) -> list[Measure]:
    """Return what Prometheus is told: links of this process, and what waits for the journal."""
    links = sum(1 for _ in app.state.room.links)
    return [
        Measure("scanhub_device_links", "Devices linked to this process", {"": links}),
        *await measure_outbox(app.state.sessions, OutboxEvent),
    ]


@dataclass(frozen=True)
class _Opening:
    """What the service is given, and how it is opened."""

    settings: DeviceManagerSettings
    exam_manager: httpx.AsyncClient
    deliver: Deliver
    service_token: TokenSource
    lake: Lake | None
    follow_revocations: bool
    tls: ssl.SSLContext | None

    @asynccontextmanager
    async def opened(self, app: FastAPI) -> AsyncIterator[None]:
        """Open what the service works with, and close it at the end."""
        settings = self.settings
        if settings.migrate:
            await asyncio.to_thread(upgrade, "device_manager", settings.database_url)
        engine = create_engine(settings.database_url, connections=settings.database_connections)
        sessions = create_sessions(engine)
        client = ExamManagerClient(self.exam_manager, self.service_token)
        relay = OutboxRelay(sessions, OutboxEvent, self.deliver)
        relay.start()
        feed = RevocationFeed(app.state.verifier.revocations, client.get_revocations)
        if self.follow_revocations:
            feed.start()
        app.state.sessions = sessions
        app.state.measure = partial(_measure, app)
        app.state.room = room = self._room(client, sessions, app.state.verifier)
        app.state.archive = archive = Archive(room)
        app.state.reception = reception = Reception(room, archive)
        sweep = UploadSweep(room, reception)
        app.state.streams = streams = StreamDesk(room)
        app.state.custody = custody = Custody(room, reception)
        app.state.forwarder = forwarder = Forwarder(room.homes.node_id, tls=self.tls)
        membership = self._membership(room, custody, relay)
        app.state.throttle = self._throttle()
        try:
            await room.open()
            await membership.open()
            await streams.open()
            sweep.start()
            app.state.started = True
            yield
        finally:
            app.state.started = False
            await sweep.stop()
            await streams.close()
            await room.close()
            await membership.close()
            await forwarder.close()
            await feed.stop()
            await relay.stop()
            await engine.dispose()

    def _throttle(self) -> HandshakeThrottle:
        return HandshakeThrottle(
            self.settings.handshake_failures,
            self.settings.handshake_window_seconds,
            per_address=self.settings.handshake_failures_per_address,
        )

    def _membership(self, room: ControlRoom, custody: Custody, relay: OutboxRelay) -> Membership:
        if not isinstance(room.homes, SharedHomes):
            return Alone(room.sessions, custody)
        return Together(room.sessions, room.homes, custody, self.settings, changed=relay.wake)

    def _room(
        self, client: ExamManagerClient, sessions: Sessions, verifier: TokenVerifier
    ) -> ControlRoom:
        homes = Homes()
        if not self.settings.database_url.startswith("sqlite"):
            seconds = self.settings.node_dead_after_seconds
            homes = SharedHomes(sessions, new_id(), dead_after_seconds=seconds)
        return ControlRoom(
            self.settings,
            sessions=sessions,
            lake=self.lake or open_lake(self.settings.lake_root, self.settings.lake_bucket),
            exam_manager=client,
            service_token=self.service_token,
            verifier=verifier,
            homes=homes,
        )
