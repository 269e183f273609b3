"""What ends a link, what is said of it, and when the next try is made."""

import asyncio
import logging
import ssl
from typing import Any

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus, InvalidURI
from websockets.http11 import Response

from scanhub_device import ClientSettings, DeviceState, Scan
from scanhub_device._endings import Ending, Kind, delay_s, of_close, of_error

SETTINGS = ClientSettings()


async def nothing(scan: Scan) -> None: ...


NOT_BOUND = b'{"type": "/problems/client-certificate", "detail": "show the other one"}'


def refused(status: int, body: bytes = b"", **headers: str) -> InvalidStatus:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return InvalidStatus(Response(status, "", Headers(named), body))


def certificate() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "bad")
    error.verify_message = "self-signed certificate"
    return error


@pytest.mark.parametrize(
    ("ending", "kind", "words"),
    [
        (of_close(1008, ""), Kind.CREDENTIALS, "device_credentials.json"),
        (of_close(1009, None), Kind.FRAMES, "chunk_bytes"),
        (of_close(1012, "restart"), Kind.RESTART, "(1012: restart)"),
        (of_close(1001, None), Kind.RESTART, "goes down"),
        (of_close(4001, None), Kind.ELSEWHERE, "another program"),
        (of_close(4002, None), Kind.LINK, "heard nothing"),
        (of_close(4003, None), Kind.LINK, "blocks the event loop"),
        (of_close(1006, None), Kind.LINK, "1006"),
        (of_close(None, None), Kind.LINK, "the link ended"),
        (of_error(refused(403)), Kind.CREDENTIALS, "device_credentials.json"),
        (of_error(refused(401)), Kind.CREDENTIALS, "401"),
        (of_error(refused(429, Retry_After="60")), Kind.TOO_MANY, "too often"),
        (of_error(refused(404)), Kind.NOT_A_SERVER, "/api/v1/device/ws"),
        (of_error(refused(502)), Kind.LINK, "502"),
        (of_error(InvalidURI("x", "no host")), Kind.NOT_A_SERVER, "no host"),
        (of_error(certificate()), Kind.CERTIFICATE, "self-signed"),
        (of_error(ssl.SSLError(1, "TLSV13_ALERT_CERTIFICATE_REQUIRED")), Kind.CERTIFICATE, "-cert"),
        (of_error(ssl.SSLError(1, "tlsv1 alert unknown ca")), Kind.CERTIFICATE, "who has signed"),
        (of_error(ssl.SSLError(1, "SSLV3_ALERT_BAD_CERTIFICATE")), Kind.CERTIFICATE, "BAD"),
        (of_error(refused(403, body=NOT_BOUND)), Kind.CERTIFICATE, "403: show the other one"),
        (of_error(refused(400, body=b"The SSL certificate error")), Kind.CERTIFICATE, "expired"),
        (of_error(refused(400, body=b"[1]")), Kind.LINK, "400"),
        (of_error(ssl.SSLEOFError(8, "EOF")), Kind.LINK, "EOF"),
        (of_error(TimeoutError()), Kind.LINK, "does not answer"),
        (of_error(ConnectionRefusedError()), Kind.LINK, "nothing listens"),
    ],
)
def test_every_ending_is_put_into_words(ending: Ending, kind: Kind, words: str) -> None:
    assert ending.kind is kind
    assert words in ending.reason


@pytest.mark.parametrize(
    ("ending", "tries", "least", "most"),
    [
        (of_close(1006, None), 0, 0, 1),
        (of_close(1006, None), 3, 0, 8),
        (of_close(1006, None), 5000, 0, 30),
        (of_close(1012, None), 0, 0, 1),
        (of_close(4002, None), 0, 0, 1),
        (of_close(1008, None), 0, 150, 300),
        (of_close(4001, None), 0, 300, 600),
        (of_close(1009, None), 0, 15, 30),
        (of_error(refused(404)), 0, 15, 30),
        (of_error(refused(429)), 0, 150, 300),
        (of_error(refused(429, Retry_After="60")), 0, 60, 90),
        (of_error(refused(503, Retry_After="7")), 0, 7, 37),
        (of_error(refused(503, Retry_After="99999999")), 0, 3600, 3630),
        (of_error(refused(503, Retry_After="Fri, 31 Dec 1999")), 0, 0, 1),
    ],
)
def test_the_wait_fits_the_reason_and_is_never_the_same_for_all(
    ending: Ending, tries: int, least: float, most: float
) -> None:
    delays = [delay_s(ending, tries, SETTINGS) for _ in range(300)]
    assert least <= min(delays) < max(delays) <= most
    assert max(delays) - min(delays) > (most - least) / 2


@pytest.mark.parametrize(("code", "told"), [(1008, "ERROR"), (4001, "ERROR"), (1012, "WARNING")])
async def test_a_device_comes_back_after_every_close_code_and_tells_it_once(
    server: Any, connect: Any, caplog: pytest.LogCaptureFixture, code: int, told: str
) -> None:
    caplog.set_level(logging.INFO, "scanhub_device")
    client = await connect(nothing)
    await server.send("pong")
    async with asyncio.timeout(10):
        while not caplog.messages:
            await asyncio.sleep(0.005)

    async def close(socket: Any) -> None:
        await socket.close(code)

    server.on_connect = close
    await server._socket.close(code)
    async with asyncio.timeout(10):
        while len(server.headers) < 4:
            await asyncio.sleep(0.005)
    server.on_connect = None
    await server.expect("register")
    lost = [record for record in caplog.records if record.message.startswith("no link")]
    assert [record.levelname for record in lost] == [told]
    assert client.state is DeviceState.ONLINE
