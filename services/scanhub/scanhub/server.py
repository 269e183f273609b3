"""Runs uvicorn: one process, a lock on the data folder, a clean end within seconds."""

import asyncio
import fcntl
import gc
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType

import uvicorn
import uvloop
from rich.console import Console

from scanhub.main import ScanHub
from scanhub.memory import keep_large_buffers
from scanhub.peers import HttpProtocol, WebsocketProtocol
from scanhub.settings import SERVICES, InstallationSettings, ServiceName
from scanhub.tls import TlsError, server_context, services_context
from scanhub.ui import find_ui
from scanhub_libraries.logging import configure_logging

_MAX_FRAME_BYTES = 16 * 1024 * 1024
_GRACE_SECONDS = 3
_IDLE_SECONDS = 60
"""For which a connection is kept: longer than devices use one that idles, so that they end it."""
_TICK_SECONDS = 1.0
_COLLECT_AFTER = (5_000, 20, 20)
"""Objects made and not freed before young, middle and old ones are walked.

With Python's own numbers some hundred links have all of them walked every few seconds, for 0.3 s,
and a stop waits.
"""


class ServeError(Exception):
    """The server cannot start; the text says why and what to do."""


def run_server(settings: InstallationSettings, console: Console) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Raises:
        ServeError: Another process serves this data folder, the port is taken, or a certificate
            cannot be used.
    """
    gc.freeze()  # the modules: to look for garbage among half a million objects takes half a second
    configure_logging(json=settings.log_json, level=settings.log_level)
    settings.prepare()
    try:
        tls = server_context(settings)
        services_context(settings)  # read again where it is used: told here, before anything starts
    except TlsError as error:
        raise ServeError(str(error)) from error
    keep_large_buffers()
    with ExitStack() as stack:
        for service in [settings.only] if settings.only else SERVICES:
            path = settings.data_dir / f"{service}.lock"
            stack.enter_context(_locked(path, shared=_may_be_several(settings, service)))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings, console, tls))


def _may_be_several(settings: InstallationSettings, service: ServiceName) -> bool:
    """Say whether several processes of a service may share a data folder."""
    urls = {
        "exam-manager": (),  # clears away at its start what others would be writing
        "device-manager": (settings.database_url("device-manager"),),
        "workflow-manager": (settings.database_url("workflow-manager"), settings.engine_url),
    }[service]
    shared = bool(urls) and not any(url.startswith("sqlite") for url in urls)
    return settings.only == service and shared


@contextmanager
def _locked(path: Path, *, shared: bool) -> Iterator[None]:
    """Hold the data folder: two servers on one SQLite file and one lake would fight."""
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError as error:
            raise ServeError(
                f"Another server uses {path.parent}: end it, or give another --data-dir."
            ) from error
        yield


class _Server(uvicorn.Server):
    """Says where to click once it answers."""

    def __init__(
        self,
        config: uvicorn.Config,
        application: ScanHub,
        settings: InstallationSettings,
        console: Console,
    ) -> None:
        super().__init__(config)
        self._application = application
        self._settings = settings
        self._console = console
        self._told_to_end = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, then tell."""
        await super().startup(sockets)
        # What is loaded now stays: without it, the collector walks all of it again and again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_COLLECT_AFTER)
        gc.enable()
        if self.should_exit or not self.servers:
            return
        port = self.servers[0].sockets[0].getsockname()[1]
        await self._application.listen(port)
        url = f"{'https' if self.config.is_ssl else 'http'}://{self._settings.host}:{port}"
        self._console.print(f"ScanHub is ready: {url}")
        if self._settings.only is None and find_ui(self._settings.ui_dir) is None:
            self._console.print("The UI is not built: run `make setup`.")
        self._console.print(f"API documents: {url}/api/v1/exam/docs")

    async def main_loop(self) -> None:
        """Renew the date of answers each second, until it is told to end.

        uvicorn's own loop looks ten times a second whether it was told.
        """
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                async with asyncio.timeout(_TICK_SECONDS):
                    await self._told_to_end.wait()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end; a second SIGINT ends what is still open too."""
        super().handle_exit(sig, frame)
        self._told_to_end.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End on SIGINT and SIGTERM. Unlike uvicorn's own, do not raise them again: 0 is clean."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the event streams first: uvicorn waits for every open answer."""
        await self._application.close_streams()
        await super().shutdown(sockets)


async def _serve(
    settings: InstallationSettings, console: Console, tls: ssl.SSLContext | None
) -> None:
    application = ScanHub(settings)
    config = uvicorn.Config(
        application.asgi,
        http=HttpProtocol,
        ws=WebsocketProtocol,
        ssl_context_factory=(lambda _config, _default: tls) if tls else None,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        ws_max_size=_MAX_FRAME_BYTES,
        # Deflate costs twelve times the upload speed and stalls the link (docs/performance.md).
        ws_per_message_deflate=False,
    )
    server = _Server(config, application, settings, console)
    try:
        await server.serve()
    except SystemExit as error:
        raise ServeError(
            f"Port {settings.port} on {settings.host} cannot be used, or the start failed "
            "(see above): give another --port."
        ) from error
