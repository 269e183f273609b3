"""Password hashing: argon2id, in a thread of its own, never on the event loop.

Passwords are compared in Unicode form NFKC, so that the same keys give the same password whatever
keyboard or system composes the letters (NIST SP 800-63B section 5.1.1.2).
"""

import asyncio
import os
import unicodedata
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock
from typing import TypeVar

from passlib.hash import argon2

from scanhub_libraries.errors import TooManyRequestsError
from scanhub_libraries.unhurried import unhurried

T = TypeVar("T")
# OWASP Password Storage Cheat Sheet: argon2id with 19 MiB, two passes, one lane.
_MEMORY_KIB, _PASSES = 19_456, 2
_HASHER = argon2.using(type="ID", memory_cost=_MEMORY_KIB, time_cost=_PASSES, parallelism=1)


def _hash_of_nobody() -> str:
    """Return a hash that no password has; to compare with it takes as long as with any other."""
    salt, digest = (b64encode(os.urandom(size)).rstrip(b"=").decode() for size in (16, 32))
    return f"$argon2id$v=19$m={_MEMORY_KIB},t={_PASSES},p=1${salt}${digest}"


_UNKNOWN_USER = _hash_of_nobody()
_LONGEST = 4096
"""Signs that the hasher takes; NFKC may make 18 of one. No password that is set has as many."""
MOST_WAITING = 48


class _Queue:
    """One thread, and so many before it: guessing costs one core at most, and bounded memory."""

    def __init__(self, most: int) -> None:
        self._pool = unhurried("argon2")
        self._most = most
        self._waiting = 0
        self._lock = Lock()

    async def run(self, function: Callable[..., T], *arguments: str) -> T:
        """Return what a function returns, called in the thread.

        Raises:
            TooManyRequestsError: Too many wait already.
        """
        if self._waiting >= self._most:
            raise TooManyRequestsError("Too many logins at once: try again.", retry_after=2)
        with self._lock:
            self._waiting += 1
        future = self._pool.submit(function, *arguments)
        # Counted until the thread is through with it, even when whoever asked has gone away.
        future.add_done_callback(self._leave)
        return await asyncio.wrap_future(future)

    def _leave(self, _done: Future[T]) -> None:
        with self._lock:
            self._waiting -= 1


_QUEUE = _Queue(MOST_WAITING)


def normalise(password: str) -> str:
    """Return a password in the form in which it is hashed and compared."""
    return unicodedata.normalize("NFKC", password)[:_LONGEST]


async def hash_password(password: str) -> str:
    """Return the argon2id hash of a password.

    Raises:
        TooManyRequestsError: Too many passwords wait for their hash.
    """
    hashed: str = await _QUEUE.run(_HASHER.hash, normalise(password))
    return hashed


async def verify_password(password: str, hashed: str | None) -> bool:
    """Compare a password with a hash.

    Args:
        password: What was entered.
        hashed: The stored hash; None for an unknown user, which takes as long and is False.

    Raises:
        TooManyRequestsError: Too many passwords wait for their check.
    """
    ok: bool = await _QUEUE.run(_HASHER.verify, normalise(password), hashed or _UNKNOWN_USER)
    return ok and hashed is not None


def is_outdated(hashed: str) -> bool:
    """Say whether a hash was made with other parameters than today's."""
    outdated: bool = _HASHER.needs_update(hashed)
    return outdated
