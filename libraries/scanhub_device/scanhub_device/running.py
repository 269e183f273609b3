"""Run a device until it is told to end; for the main thread of its program."""

import asyncio
import logging
import os
import signal
import ssl as ssl_module
from pathlib import Path

from scanhub_device.client import DeviceClient
from scanhub_device.credentials import Credentials
from scanhub_device.scanner import Scanner
from scanhub_device.settings import ClientSettings
from scanhub_device.sync import SyncScanner

_logger = logging.getLogger(__name__)
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run_device(
    scanner: Scanner | SyncScanner,
    url: str,
    credentials: Credentials,
    *,
    spool: Path | None = None,
    parameter_file: Path | None = None,
    ssl: ssl_module.SSLContext | None = None,
    settings: ClientSettings | None = None,
) -> None:
    """Keep a scanner connected until SIGINT or SIGTERM; see DeviceClient for the arguments.

    The first signal ends a running scan as a stop does and says goodbye. A second one ends the
    program at once, whatever the scanner does: for a scanner that does not come to rest.

    Raises:
        ValueError: the address is not one of a websocket.
        CertificateError: a certificate or key that the settings name cannot be used.
        SpoolError: the folder of the queue cannot be used.
    """

    async def main() -> None:
        client = DeviceClient(
            url,
            credentials.device_id,
            credentials.device_token.get_secret_value(),
            scanner,
            settings=settings,
            ssl=ssl,
            parameter_file=parameter_file,
            spool=spool,
        )
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, _end, client, loop)
        await client.run()

    asyncio.run(main())


def _end(client: DeviceClient, loop: asyncio.AbstractEventLoop) -> None:
    for number in _SIGNALS:
        loop.remove_signal_handler(number)
        signal.signal(number, _end_at_once)
    client.close()
    _logger.info("told to end; a second signal ends the program at once")


def _end_at_once(number: int, _frame: object) -> None:
    os._exit(128 + number)
