"""How we speak TLS with a node that we call: TLS 1.2 or later (PS3.15 B.12, BCP 195)."""

import ssl
import tempfile
from pathlib import Path
from typing import TypedDict


class UnreadablePemError(Exception):
    """Certificate, key or CA of a node cannot be read; the text says why, and never what is in."""


class TlsSettings(TypedDict):
    """What a target says of TLS, as `client_context` takes it."""

    certificate: str
    key: str
    ca: str
    verify_host: bool


def client_context(*, certificate: str, key: str, ca: str, verify_host: bool) -> ssl.SSLContext:
    """Return the context for a node. Blocking: the key is in a file for a moment.

    Args:
        certificate: What we show, PEM; empty: nothing.
        key: Its key, PEM.
        ca: Whom the node's certificate must be from, PEM; empty: who is known to the system.
        verify_host: The certificate must also name the host.

    Raises:
        UnreadablePemError: One of them cannot be read.
    """
    try:
        context = ssl.create_default_context(cadata=ca or None)
        context.check_hostname = verify_host
        if certificate or key:
            with tempfile.TemporaryDirectory(prefix="scanhub-tls-") as folder:  # mode 0700
                file = Path(folder) / "pair.pem"
                file.touch(mode=0o600)
                file.write_text(f"{key.strip()}\n{certificate.strip()}\n", encoding="ascii")
                context.load_cert_chain(file)
    except (ssl.SSLError, TypeError, ValueError) as error:  # what is not ASCII is a TypeError
        raise UnreadablePemError(_why(error)) from error
    return context


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return f"Its certificate, key or CA cannot be read: {error}"
    return "Its certificate, key or CA cannot be read: there are characters in it that PEM has not."
