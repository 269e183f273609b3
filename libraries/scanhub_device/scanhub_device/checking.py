"""Try the handshake of a device, and say in words what is wrong."""

import asyncio
import ssl as ssl_module
from contextlib import suppress
from enum import IntEnum

from websockets.exceptions import ConnectionClosed, WebSocketException

from scanhub_device._endings import BROKE_OFF, UNKNOWN_CA, Kind, of_close, of_error
from scanhub_device._link import open_link
from scanhub_device._tls import tls_of
from scanhub_device.credentials import Credentials
from scanhub_device.messages import Ping
from scanhub_device.settings import ClientSettings

_ANSWER_S = 2.0


class Found(IntEnum):
    """What a check has found; the exit code of `scanhub-device check`."""

    GOOD = 0
    UNREACHABLE = 3
    CREDENTIALS = 4
    CERTIFICATE = 5
    NOT_A_SERVER = 6


_FOUND = {
    Kind.CREDENTIALS: Found.CREDENTIALS,
    Kind.TOO_MANY: Found.CREDENTIALS,
    Kind.CERTIFICATE: Found.CERTIFICATE,
    Kind.NOT_A_SERVER: Found.NOT_A_SERVER,
}


async def check_link(
    url: str,
    credentials: Credentials,
    *,
    ssl: ssl_module.SSLContext | None = None,
    settings: ClientSettings | None = None,
) -> tuple[Found, str]:
    """Connect once as the device, and leave; returns what was found and a sentence on it.

    The newest link of a device counts: while its program runs, this takes its link away.

    Raises:
        CertificateError: a certificate or key that the settings name cannot be used.
    """
    headers = {
        "Device-Id": credentials.device_id,
        "Device-Token": credentials.device_token.get_secret_value(),
    }
    settings = settings or ClientSettings()
    if ssl is None and (tls := tls_of(url, settings)) is not None:
        ssl = tls.context
    try:
        async with open_link(url, headers, settings, ssl) as websocket:
            # a server of version 1 lets everybody in, and closes the link of whom it does not know
            with suppress(ConnectionClosed, TimeoutError):
                await websocket.send(Ping().to_json())
                await asyncio.wait_for(websocket.recv(), _ANSWER_S)
            if websocket.close_code is None:
                return Found.GOOD, "the server takes this device"
            ending = of_close(websocket.close_code, websocket.close_reason)
    except (OSError, TimeoutError, WebSocketException) as error:
        ending = of_error(error)
        if ending.reason == BROKE_OFF and settings.client_certificate is not None:
            # many servers say no more than this
            why = f"{BROKE_OFF}; perhaps {UNKNOWN_CA} (the certificate of this device)"
            return Found.CERTIFICATE, why
    return _FOUND.get(ending.kind, Found.UNREACHABLE), ending.reason
