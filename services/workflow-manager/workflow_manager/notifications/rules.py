"""Who is told of what, and in which words. Pure."""

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from urllib.parse import urlsplit

from scanhub_libraries.errors import UnprocessableError
from scanhub_libraries.events import EventType
from scanhub_libraries.models.routing_rule import RuleOptions

UNKNOWN = "UNKNOWN"
"""What a webhook reads in the place of what it may not know."""
_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]{1,64}@[A-Za-z0-9.-]{1,255}", re.ASCII)
_LONGEST_URL = 2048


class NotificationEvent(StrEnum):
    """What a rule tells of, in mercure's words."""

    RECEIVED = "RECEIVED"
    """All images of the case are there."""
    COMPLETED = "COMPLETED"
    """What the rule asks for is done."""
    ERROR = "ERROR"


class Channel(StrEnum):
    """How somebody is told."""

    WEBHOOK = "webhook"
    EMAIL = "email"


class NotificationStatus(StrEnum):
    """State of one message to one recipient."""

    QUEUED = "queued"
    SENDING = "sending"
    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"


ENDED = frozenset({NotificationStatus.SENT, NotificationStatus.FAILED})
EVENT_OF: dict[str, NotificationEvent] = {
    EventType.CASE_COMPLETE: NotificationEvent.RECEIVED,
    EventType.CASE_DONE: NotificationEvent.COMPLETED,
    EventType.CASE_FAILED: NotificationEvent.ERROR,
}
"""What the events of a case are in mercure's words."""


def is_wanted(
    rule: RuleOptions, event: NotificationEvent, *, requested: bool = False, always: bool = False
) -> bool:
    """Say whether a rule tells of an event.

    Args:
        rule: With its switches.
        event: What happened.
        requested: A module of the case asked for it.
        always: Whatever the switches say.
    """
    match event:
        case NotificationEvent.RECEIVED:
            wanted = rule.notification_trigger_reception
        case NotificationEvent.COMPLETED:
            on_request = rule.notification_trigger_completion_on_request and requested
            wanted = rule.notification_trigger_completion or on_request
        case NotificationEvent.ERROR:
            wanted = rule.notification_trigger_error
    return wanted or always


def recipients(rule: RuleOptions) -> list[tuple[Channel, str]]:
    """Return who is told: the webhook, and each address of the e-mail by itself, once."""
    told = []
    if rule.notification_webhook.strip():
        told.append((Channel.WEBHOOK, rule.notification_webhook.strip()))
    addresses = (part.strip() for part in rule.notification_email.split(","))
    told += [(Channel.EMAIL, address) for address in dict.fromkeys(addresses) if address]
    return told


def check_address(address: str) -> None:
    """Refuse what is no single address.

    Raises:
        UnprocessableError: It is none.
    """
    if not _ADDRESS.fullmatch(address):
        raise UnprocessableError("That is no e-mail address: name@host.", field="address")


def check_url(url: str, *, http: bool) -> str:
    """Return the host of a webhook's URL.

    Raises:
        UnprocessableError: It may not be used.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    allowed = {"https", "http"} if http else {"https"}
    if host is None or len(url) > _LONGEST_URL or port == 0:
        raise UnprocessableError("That is no URL of a webhook: https://host/path.", field="url")
    if parts.scheme not in allowed:
        raise UnprocessableError("A webhook needs https.", field="url")
    if parts.username or parts.password:
        raise UnprocessableError("The URL of a webhook holds no password.", field="url")
    return host


def check_goal(host: str, addresses: Iterable[str], *, local: bool) -> str:
    """Return an address of a host that may be called.

    A rule is no way into this machine, nor to what a cloud answers to its machines (169.254).

    Raises:
        UnprocessableError: Every one of them is of this machine or its link.
    """
    for text in addresses:
        address = ipaddress.ip_address(text.partition("%")[0])
        mapped = getattr(address, "ipv4_mapped", None) or address
        inside = mapped.is_loopback or mapped.is_link_local or mapped.is_unspecified
        if not mapped.is_multicast and (local or not inside):
            return text
    raise UnprocessableError(
        f"{host} is this machine or its link: SCANHUB_WORKFLOW_WEBHOOK_LOCAL allows it.",
        field="url",
    )


def with_macros(text: str, macros: Mapping[str, str]) -> str:
    """Replace `@rule@` and the others; before the template is read, as mercure does."""
    for name, value in macros.items():
        text = text.replace(f"@{name}@", value)
    return text


def patient_variables(
    tags: Mapping[str, str] | None, channel: Channel, *, allowed: bool
) -> dict[str, str]:
    """Return what a template may know of the patient: nothing unless the installation allows it."""
    missing = UNKNOWN if channel is Channel.WEBHOOK else ""
    keywords = {"acc": "AccessionNumber", "mrn": "PatientID", "patient_name": "PatientName"}
    if tags is None or not allowed:
        return dict.fromkeys(keywords, missing)
    return {name: tags.get(keyword) or missing for name, keyword in keywords.items()}


def signature(secret: str, time: int, body: bytes) -> str:
    """Return the signature of a webhook: HMAC-SHA256 over `<time>.<body>`.

    Args:
        secret: What both sides know.
        time: When it was signed, in seconds since 1970 [s]; a receiver refuses old ones.
        body: The bytes that are sent.
    """
    signed = hmac.new(secret.encode(), f"{time}.".encode() + body, hashlib.sha256)
    return f"t={time},v1={signed.hexdigest()}"
