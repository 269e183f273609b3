"""X.509 certificates: what identifies one, from whatever form it comes in. Pure.

The fingerprint is the SHA-256 of the certificate as DER, 64 hexadecimal digits: what
`openssl x509 -fingerprint -sha256` prints, in small letters and without colons.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final
from urllib.parse import unquote

from cryptography import x509

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
_PRIVATE = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_LONGEST_HEADER: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is shown of a certificate to whoever binds it.

    Attributes:
        sha256: Its fingerprint.
        subject: Whose it is, as RFC 4514 writes names.
        not_before: It is good from then on.
        not_after: It is good until then.
    """

    sha256: str
    subject: str
    not_before: datetime
    not_after: datetime


def parse_fingerprint(text: str) -> str:
    """Return a fingerprint as it is stored; colons, blanks and capitals are taken too.

    Raises:
        ValueError: It is none.
    """
    digits = text.strip().replace(":", "").replace(" ", "").lower()
    if not _FINGERPRINT.fullmatch(digits):
        raise ValueError(
            "a SHA-256 fingerprint has 64 hexadecimal digits; "
            "`openssl x509 -in FILE -noout -fingerprint -sha256` prints it"
        )
    return digits


def read_pem(text: str) -> Certificate:
    """Read a certificate; of a chain, the first one, which is that of whoever shows it.

    Raises:
        ValueError: There is none, or a private key, which must not leave its owner.
    """
    if _PRIVATE.search(text):
        raise ValueError(
            "there is a private key in it, which belongs on the device alone: send the "
            "certificate without it, and make a new key if this one has travelled"
        )
    found = _PEM.search(text)
    try:
        return _read_der(_decode(found[1] if found else ""))
    except ValueError:
        raise ValueError("it is no certificate in PEM (-----BEGIN CERTIFICATE-----)") from None


def parse_header(value: str) -> Certificate | str | None:
    """Return the certificate, or its fingerprint, that a gateway tells; None: none was shown.

    Gateways have many forms: the fingerprint itself (HAProxy, Caddy), `:BASE64:` (RFC 9440), PEM
    with percent signs (nginx, `$ssl_client_escaped_cert`), or DER in Base64 (Traefik).

    Raises:
        ValueError: It is none of these.
    """
    text = value[:_LONGEST_HEADER].strip()
    if not text:
        return None
    try:
        return parse_fingerprint(text)
    except ValueError:
        pass
    if "%" in text:
        text = unquote(text)
    found = _PEM.search(text)
    return _read_der(_decode(found[1] if found else text.strip(":")))


def _read_der(der: bytes) -> Certificate:
    certificate = x509.load_der_x509_certificate(der)
    return Certificate(
        sha256=sha256(der).hexdigest(),
        subject=certificate.subject.rfc4514_string(),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error as error:
        raise ValueError("it is no certificate") from error
