"""Pseudonyms: the same for the same original and secret, and no way back without the secret."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from uuid import UUID

from scanhub_jobs.uids import uid_from_uuid

_DATE_LENGTH = 8
_UUID_BYTES = 16
_ID_LENGTH = 12
_REGISTERED = "1.2.840.10008."
"""Root of what DICOM itself names (PS3.6 annex A): SOP classes, transfer syntaxes, and the like."""


class Pseudonyms:
    """What takes the place of originals."""

    def __init__(self, secret: bytes, *, prefix: str = "ANON", most_days: int = 365) -> None:
        """Begin.

        Args:
            secret: Whoever has it can tell which pseudonym an original has.
            prefix: Of patient ids.
            most_days: How far dates are moved at most, towards the past.
        """
        self._secret = secret
        self._prefix = prefix
        self._most_days = most_days

    def _digest(self, kind: str, value: str) -> bytes:
        return hmac.new(self._secret, f"{kind}\0{value}".encode(), hashlib.sha256).digest()

    def uid(self, original: str) -> str:
        """Return the UID that takes the place of another; what DICOM names stays as it is."""
        if not original or original.startswith(_REGISTERED):
            return original
        return uid_from_uuid(UUID(bytes=self._digest("uid", original)[:_UUID_BYTES], version=4))

    def patient_id(self, patient: str) -> str:
        """Return the id of a patient, of capital letters and digits.

        Args:
            patient: What tells the patient from others.
        """
        letters = base64.b32encode(self._digest("patient", patient)).decode()
        return f"{self._prefix}-{letters[:_ID_LENGTH]}"

    def days(self, patient: str) -> int:
        """Return by how many days the dates of a patient are moved: at least one, to the past."""
        number = int.from_bytes(self._digest("days", patient)[:8])
        return -(1 + number % self._most_days)


def moved_date(value: str, days: int) -> str:
    """Return a date (DA) or the date and time (DT) some days away; "" when it is none.

    A date without a day cannot be moved, and is left out.
    """
    text = value.strip().replace(".", "", 2) if value[4:5] == "." else value.strip()
    try:
        day = datetime.strptime(text[:_DATE_LENGTH], "%Y%m%d").replace(tzinfo=UTC)
        moved = day + timedelta(days=days)
    except (ValueError, OverflowError):
        return ""
    return f"{moved.year:04d}{moved:%m%d}{text[_DATE_LENGTH:]}"
