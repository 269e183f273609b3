"""What may be stored, by whom, and where. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import NamedTuple

from pydicom._uid_dict import UID_dictionary  # the only list of names and kinds

_UID = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))*", re.ASCII)
_LENIENT_UID = re.compile(r"[0-9]+(\.[0-9]+)*", re.ASCII)
_MAX_UID = 64

SUCCESS = 0x0000
OUT_OF_RESOURCES = 0xA700
CANNOT_UNDERSTAND = 0xC000


class NotStorableError(Exception):
    """The bytes cannot be indexed; they are kept in quarantine with this reason."""


def checked_uid(value: object, keyword: str) -> str:
    """Return a UID that can be part of a path: digits and dots only (PS3.5 section 9).

    Components with leading zeros break the standard, but scanners send them and they do no harm.
    """
    text = "" if value is None else str(value)
    if len(text) > _MAX_UID or not _is_lenient_uid(text):
        raise NotStorableError(f"{keyword} is {text[:80]!r}, which is no DICOM UID.")
    return text


@lru_cache(maxsize=1024)
def _is_lenient_uid(text: str) -> bool:
    """Say it; four of five UIDs of an image are those of the image before."""
    return bool(_LENIENT_UID.fullmatch(text))


def is_standard_uid(text: str) -> bool:
    """Say whether a UID follows the standard to the letter."""
    return len(text) <= _MAX_UID and bool(_UID.fullmatch(text))


def instance_key(study: str, series: str, sop: str) -> str:
    """Return where an instance lies, below the root of the lake."""
    return f"dicom/{study}/{series}/{sop}.dcm"


def conflict_key(sop: str, sha256: str) -> str:
    """Return where a second object under a known UID is kept aside."""
    return f"dicom/conflicts/{sop}.{sha256[:16]}.dcm"


def quarantine_key(sha256: str) -> str:
    """Return where bytes are kept that cannot be indexed."""
    return f"dicom/quarantine/{sha256}.dcm"


class Refusal(NamedTuple):
    """Why an association is rejected (PS3.8 table 9-21)."""

    result: int
    source: int
    diagnostic: int
    reason: str


_PERMANENT, _TRANSIENT = 1, 2
_USER, _PRESENTATION = 1, 3


@dataclass(frozen=True, slots=True)
class Admission:
    """Who may send what. An empty list is no restriction."""

    called_ae_titles: Sequence[str] = ()
    calling_ae_titles: Sequence[str] = ()
    networks: Sequence[IPv4Network | IPv6Network] = ()
    sop_classes: Sequence[str] = ()
    transfer_syntaxes: Sequence[str] = ()
    free_bytes: int = 0
    """Below this free space no new association is accepted [byte]."""

    def refusal(self, *, calling: str, called: str, address: str, free: int) -> Refusal | None:
        """Return why an association is rejected; None: it is not."""
        if self.networks and not _within(address, self.networks):
            return Refusal(_PERMANENT, _USER, 1, f"the address {address} is not allowed")
        if self.calling_ae_titles and calling.strip() not in self.calling_ae_titles:
            return Refusal(_PERMANENT, _USER, 3, f"the calling AE title {calling!r} is not allowed")
        if self.called_ae_titles and called.strip() not in self.called_ae_titles:
            return Refusal(_PERMANENT, _USER, 7, f"the called AE title {called!r} is not ours")
        if free < self.free_bytes:
            reason = f"{free} bytes are free on the disk, fewer than {self.free_bytes}"
            return Refusal(_TRANSIENT, _PRESENTATION, 1, reason)
        return None

    def stores(self, sop_class_uid: str) -> bool:
        """Say whether objects of a SOP class are taken."""
        if self.sop_classes:
            return sop_class_uid in self.sop_classes
        return is_storage(sop_class_uid)

    def syntaxes(self, proposed: Sequence[str]) -> list[str]:
        """Return the transfer syntaxes that are taken, in the order of the sender."""
        if not self.transfer_syntaxes:
            return list(proposed)
        return [uid for uid in proposed if uid in self.transfer_syntaxes]


def _within(address: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return any((mapped or parsed) in network for network in networks)


def is_storage(sop_class_uid: str) -> bool:
    """Say whether a SOP class is one of storage, or may be one: private, or newer than our list."""
    known = UID_dictionary.get(sop_class_uid)
    if known is None:
        return True
    name, kind = known[0], known[1]
    if kind != "SOP Class" or "Commitment" in name or "Directory" in name:
        return False
    return "Storage" in name
