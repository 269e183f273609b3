"""Identifiers: UUIDv7, so that rows sort by the time they were made."""

import os
import time
from uuid import UUID


def new_id() -> UUID:
    """Return a new UUIDv7 (RFC 9562 section 5.7): 48 bits of Unix milliseconds, then randomness."""
    milliseconds = time.time_ns() // 1_000_000
    random_bits = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & (1 << 48) - 1) << 80
    value |= 0x7 << 76 | (random_bits >> 68 & 0xFFF) << 64
    value |= 0b10 << 62 | random_bits & (1 << 62) - 1
    return UUID(int=value)


def dicom_uid(identifier: UUID) -> str:
    """Return the DICOM UID of a UUID: `2.25.` and its decimal value (PS3.5 section B.2)."""
    return f"2.25.{identifier.int}"
