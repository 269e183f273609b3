"""What a self-test sends, and how its images come in. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address


class SelfTestKind(StrEnum):
    """What its rule is about."""

    SERIES = "series"
    STUDY = "study"


class SelfTestMode(StrEnum):
    """Which way is tested."""

    ROUTE = "route"
    """Images arrive, and are sent on."""
    PROCESS = "process"
    """A job makes the images of raw data before, and a module changes them on their way."""


class SelfTestState(StrEnum):
    """How it goes."""

    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"


class StepFailedError(Exception):
    """A step did not end well; the text says why, for a person."""


SERIES_DESCRIPTION = "Self-test"
IMAGES = 3
"""Of each series."""
SIDE = 32
"""Rows and columns [pixel]."""
SERIES = {SelfTestKind.SERIES: 1, SelfTestKind.STUDY: 2}


@dataclass(frozen=True, slots=True)
class Way:
    """How to reach our own listener."""

    host: str
    port: int
    tls: bool
    called: str
    calling: str


def way_in(
    *,
    host: str,
    port: int | None,
    tls_port: int | None,
    ae_title: str,
    called: Sequence[str],
    calling: Sequence[str],
) -> Way | None:
    """Return how our own listener is reached; None: there is none.

    Args:
        host: Address that it binds to.
        port: Its port without TLS.
        tls_port: Its port with TLS; used where there is no other.
        ae_title: Its AE title.
        called: AE titles that may be called; none: any.
        calling: AE titles that may send; none: any.
    """
    chosen = port if port is not None else tls_port
    if chosen is None:
        return None
    return Way(
        host=_reachable(host),
        port=chosen,
        tls=port is None,
        called=called[0] if called and ae_title not in called else ae_title,
        calling=calling[0] if calling else "SELFTEST",
    )


def _reachable(host: str) -> str:
    """Return where a listener is found that binds to every address."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return "127.0.0.1" if address.version == 4 else "::1"  # noqa: PLR2004 - IPv4
