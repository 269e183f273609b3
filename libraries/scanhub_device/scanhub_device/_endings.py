"""Why there is no link, in words, and how long to wait before the next try."""

import json
import ssl
from dataclasses import dataclass
from enum import Enum
from random import SystemRandom
from typing import Any

from websockets.exceptions import InvalidMessage, InvalidStatus, InvalidURI

from scanhub_device.settings import ClientSettings

_random = SystemRandom()
_BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _TOO_MANY = 400, 401, 403, 404, 429
_GOING_AWAY, _POLICY_VIOLATION, _TOO_BIG, _SERVICE_RESTART = 1001, 1008, 1009, 1012
_CONNECTED_AGAIN, _SILENT, _NOT_READING = 4001, 4002, 4003
_LONGEST_RETRY_AFTER_S = 3600.0


class Kind(Enum):
    """What kind of trouble it is."""

    LINK = "the server or the network is away"
    RESTART = "the server starts anew"
    CREDENTIALS = "the credentials are void"
    TOO_MANY = "too many tries"
    ELSEWHERE = "another program is connected as this device"
    CERTIFICATE = "the certificate of the server or of this device is not good"
    NOT_A_SERVER = "there is no device-manager at this address"
    FRAMES = "the server cannot take what this device sends"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a link ended, or why there was none.

    Attributes:
        kind: What to do about it.
        reason: What happened, and what helps, for a person to read.
        wait_s: How long the server wants to be left alone [s].
    """

    kind: Kind
    reason: str
    wait_s: float | None = None


_VOID = (
    "the id or the token of this device is not valid (any more): create the device anew or have "
    "its token renewed in the user interface, and install the new device_credentials.json"
)
CERTIFICATE_PROBLEM = "/client-certificate"
"""How the type of a problem ends when the token is right and the certificate is not."""
BROKE_OFF = "the server ended the connection instead of answering"
_NOT_TAKEN = "the server does not take the certificate of this device"
UNKNOWN_CA = "the server does not know who has signed it"
_ALERTS = {
    "CERTIFICATE_EXPIRED": "it has expired, install a new one and have it bound to the device",
    "UNKNOWN_CA": UNKNOWN_CA,
    "CERTIFICATE_REQUIRED": "there is none, give --client-cert and --client-key",
    "REVOKED": "it was revoked",
}
"""Words of TLS alerts (RFC 8446 section 6.2), as OpenSSL has them."""
_CLOSED = {
    _POLICY_VIOLATION: (Kind.CREDENTIALS, _VOID),
    _TOO_BIG: (Kind.FRAMES, "a frame was too large for the server: set a smaller `chunk_bytes`"),
    _SERVICE_RESTART: (Kind.RESTART, "the server starts anew"),
    _GOING_AWAY: (Kind.RESTART, "the server goes down"),
    _CONNECTED_AGAIN: (
        Kind.ELSEWHERE,
        "another program has connected with the credentials of this device. If that was not you, "
        "somebody else has them: have the token renewed",
    ),
    _SILENT: (Kind.LINK, "the server has heard nothing of this device for too long"),
    _NOT_READING: (
        Kind.LINK,
        "the server was not listened to: something blocks the event loop of this program",
    ),
}


def of_close(code: int | None, reason: str | None) -> Ending:
    """Return what a close code means."""
    kind, words = _CLOSED.get(code or 0, (Kind.LINK, "the link ended"))
    said = f" ({code}{': ' + reason if reason else ''})" if code else ""
    return Ending(kind, words + said)


def of_refusal(error: InvalidStatus) -> Ending:
    """Return what the answer to a handshake means that is no link."""
    status = error.response.status_code
    words = f"the server answers {status}"
    document = _document(error)
    if str(document.get("type", "")).endswith(CERTIFICATE_PROBLEM):
        return Ending(Kind.CERTIFICATE, f"{words}: {document.get('detail', '')}")
    if status == _BAD_REQUEST and b"SSL" in (error.response.body or b""):  # as nginx says it
        return Ending(Kind.CERTIFICATE, f"{words}: {_NOT_TAKEN}: it has expired, or {UNKNOWN_CA}")
    if status in {_UNAUTHORIZED, _FORBIDDEN}:
        return Ending(Kind.CREDENTIALS, f"{words}: {_VOID}")
    if status == _TOO_MANY:
        why = f"{words}: it was asked too often with wrong credentials"
        return Ending(Kind.TOO_MANY, why, _retry_after_s(error))
    if status == _NOT_FOUND:
        why = f"{words}: there is no device-manager at this address; it ends in /api/v1/device/ws"
        return Ending(Kind.NOT_A_SERVER, why)
    return Ending(Kind.LINK, words, _retry_after_s(error))


def of_error(error: Exception) -> Ending:
    """Return what went wrong before there was a link."""
    kind, why = Kind.LINK, str(error) or type(error).__name__
    if isinstance(error, InvalidStatus):
        return of_refusal(error)
    if isinstance(error, ssl.SSLError):
        return _of_tls(error)
    match error:
        case InvalidURI():
            kind = Kind.NOT_A_SERVER
        case TimeoutError():
            why = "the server does not answer"
        case ConnectionRefusedError():
            why = "nothing listens at this address"
        case InvalidMessage() if isinstance(error.__cause__, EOFError):
            why = BROKE_OFF
    return Ending(kind, why)


def _of_tls(error: ssl.SSLError) -> Ending:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Ending(
            Kind.CERTIFICATE,
            f"the certificate of the server is not trusted: {error.verify_message}. If it should "
            "be, name who has signed it with --ca",
        )
    said = str(error).upper().replace(" ", "_")
    for word, why in _ALERTS.items():
        if word in said:
            return Ending(Kind.CERTIFICATE, f"{_NOT_TAKEN}: {why}")
    if "CERT" in said:
        return Ending(Kind.CERTIFICATE, f"{_NOT_TAKEN}: {error}")
    return Ending(Kind.LINK, str(error))


def _document(error: InvalidStatus) -> dict[str, Any]:
    try:
        document = json.loads(error.response.body or b"")
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def delay_s(ending: Ending, tries: int, settings: ClientSettings) -> float:
    """Return how long to wait [s]: always by chance, so that not all devices come at once."""
    if ending.wait_s is not None:
        return ending.wait_s + _random.uniform(0, settings.reconnect_max_s)
    match ending.kind:
        case Kind.CREDENTIALS | Kind.TOO_MANY:
            return _half_to_whole(settings.refused_retry_s)
        case Kind.ELSEWHERE:
            return _half_to_whole(settings.elsewhere_retry_s)
        case Kind.FRAMES | Kind.CERTIFICATE | Kind.NOT_A_SERVER:
            return _half_to_whole(settings.reconnect_max_s)
    longest = settings.reconnect_base_s * 2 ** min(tries, 16)
    return _random.uniform(0, min(longest, settings.reconnect_max_s))


def _half_to_whole(seconds: float) -> float:
    return _random.uniform(seconds / 2, seconds)


def _retry_after_s(error: InvalidStatus) -> float | None:
    text = error.response.headers.get("Retry-After", "")
    return min(float(text), _LONGEST_RETRY_AFTER_S) if text.isdecimal() else None
