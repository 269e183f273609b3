"""Password hashing: argon2id, in threads of its own, never on the event loop."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from passlib.hash import argon2

# OWASP Password Storage Cheat Sheet: argon2id with 19 MiB, two passes, one lane.
_HASHER = argon2.using(type="ID", memory_cost=19_456, time_cost=2, parallelism=1)
_POOL = ThreadPoolExecutor(max_workers=1, thread_name_prefix="argon2")
_UNKNOWN_USER = _HASHER.hash("timing of an unknown user")


async def hash_password(password: str) -> str:
    """Return the argon2id hash of a password."""
    hashed: str = await asyncio.get_running_loop().run_in_executor(_POOL, _HASHER.hash, password)
    return hashed


async def verify_password(password: str, hashed: str | None) -> bool:
    """Compare a password with a hash.

    Args:
        password: What was entered.
        hashed: The stored hash; None for an unknown user, which takes as long and is False.
    """
    ok: bool = await asyncio.get_running_loop().run_in_executor(
        _POOL, _HASHER.verify, password, hashed or _UNKNOWN_USER
    )
    return ok and hashed is not None
