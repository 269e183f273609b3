"""What is kept of device tokens: a keyed hash. Pure.

A token is 256 random bits, so that a fast hash is as good as a slow one, and a thousand devices
that come back at once hold up nobody: it takes some microseconds, less than handing it to a thread.
The key is not in the database: who can write there, or has a copy, can make no token that is good.
"""

import base64
import hmac
import secrets
from hashlib import sha256
from typing import Final

from scanhub_libraries.security.secret_files import lines_of

_TOKEN_BYTES: Final = 32
_UNKEYED_LENGTH: Final = 64
_NOBODY: Final = "0" * 43


class DeviceTokens:
    """Makes tokens, and compares them with what is stored.

    Args:
        keys: Secrets of the installation, one a line, the same for all of its processes. The first
            one hashes; what was hashed with another one matches still.
    """

    def __init__(self, keys: str) -> None:
        self._key, *self._former = [line.encode() for line in lines_of(keys)]

    def make(self) -> tuple[str, str]:
        """Return a new token, hexadecimal, and what is stored of it."""
        token = secrets.token_hex(_TOKEN_BYTES)
        return token, self.stored(token)

    def stored(self, token: str) -> str:
        """Return what is stored of a token."""
        return _keyed(self._key, _digest(token))

    def matches(self, token: str, stored: str | None) -> bool:
        """Compare in constant time; an unknown device (None) takes as long and is False."""
        digest = _digest(token)
        same = [
            hmac.compare_digest(_keyed(key, digest), stored or _NOBODY)
            for key in (self._key, *self._former)
        ]
        return any(same) and stored is not None

    def rekeyed(self, stored: str) -> str | None:
        """Return the keyed hash for one that was stored without a key; None if it has one."""
        return _keyed(self._key, stored) if len(stored) == _UNKEYED_LENGTH else None


def _digest(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def _keyed(key: bytes, digest: str) -> str:
    keyed = hmac.digest(key, digest.encode(), "sha256")
    return base64.urlsafe_b64encode(keyed).decode().rstrip("=")
