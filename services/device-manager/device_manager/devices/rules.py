"""Credentials and names of devices. Pure."""

import hmac
import secrets
from hashlib import sha256
from typing import Final

from scanhub_libraries.errors import BadRequestError

_TOKEN_BYTES: Final = 32
_NOBODY: Final = "0" * 64


def make_token() -> str:
    """Return a new device token: 256 random bits, hexadecimal."""
    return secrets.token_hex(_TOKEN_BYTES)


def hash_token(token: str) -> str:
    """Return what is stored of a token.

    A token is random and long, so that a fast hash is as good as a slow one, and a handshake does
    not hold up anybody.
    """
    return sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def token_matches(token: str, stored: str | None) -> bool:
    """Compare in constant time; an unknown device (None) takes as long and is False."""
    return hmac.compare_digest(hash_token(token), stored or _NOBODY) and stored is not None


def check_naming(name: str, description: str) -> tuple[str, str]:
    """Return name and description without blanks around them.

    Raises:
        BadRequestError: One of them is empty.
    """
    name, description = name.strip(), description.strip()
    for field, value in (("name", name), ("description", description)):
        if not value:
            raise BadRequestError(f"The {field} of a device must not be empty.", field=field)
    return name, description
