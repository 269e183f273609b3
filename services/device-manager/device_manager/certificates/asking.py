"""Asks for the certificate of a device with requests that bear the token of its scan.

A process that passes such a request on to the home of the device vouches for what was shown to it:
to the other one, the client is a process of ours.
"""

import hmac
import time
from typing import Final

from fastapi import Request

from device_manager.certificates import service
from device_manager.certificates.rules import Shown
from device_manager.certificates.shown import shown_certificate
from device_manager.control import ControlRoomDep
from scanhub_libraries.security.secret_files import lines_of
from scanhub_libraries.web import PrincipalDep

VOUCHED: Final = "X-Scanhub-Certificate"
"""What was shown to the process that passes a request on, and its word for it."""
_GOOD_SECONDS = 300  # clocks of two machines differ


def vouch(key: str, sha256: str, token: str, now: float) -> str:
    """Return the word of a process of this installation for a certificate."""
    return f"{sha256}.{int(now)}.{_sign(key, sha256, int(now), token)}"


def read_vouched(key: str, word: str, token: str, now: float) -> str | None:
    """Return the certificate that another process vouches for; None: nobody of ours does."""
    try:
        sha256, at, signature = word.split(".")
        right = _sign(key, sha256, int(at), token)
    except ValueError:
        return None
    is_ours = hmac.compare_digest(right.encode(), signature.encode("utf-8", "surrogateescape"))
    return sha256 if is_ours and abs(now - int(at)) < _GOOD_SECONDS else None


def _sign(key: str, sha256: str, at: int, token: str) -> str:
    said = f"device certificate shown\n{sha256}\n{at}\n{token}"
    return hmac.new(key.encode(), said.encode("utf-8", "surrogateescape"), "sha256").hexdigest()


async def check_certificate(
    request: Request, room: ControlRoomDep, principal: PrincipalDep
) -> None:
    """Refuse a device that does not show its certificate, whatever token it has."""
    if principal.device_id is None:
        return
    key, now = lines_of(room.settings.token_key.get_secret_value())[0], time.time()
    sha256 = None
    if word := request.headers.get(VOUCHED):
        sha256 = read_vouched(key, word, principal.token, now)
    shown = Shown(sha256) if sha256 else shown_certificate(request, room.settings)
    await service.check_upload(room.sessions, principal.device_id, shown)
    if shown.sha256 is not None:
        request.state.vouched = vouch(key, shown.sha256, principal.token, now)
