"""Which certificate a device has to show, and whom we believe which one it was. Pure."""

import hmac
import ipaddress
from dataclasses import dataclass
from datetime import datetime

from scanhub_libraries.errors import ClientCertificateError, UnprocessableError
from scanhub_libraries.security.certificates import Certificate, parse_fingerprint, read_pem

OTHER_CERTIFICATE = "another certificate was bound to this device: connect again with it"
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Shown:
    """What a connection tells of the certificate of its client.

    Attributes:
        sha256: Its fingerprint; None: none that we believe.
        why: If there is none, the reason, for the log.
        certificate: Itself; None: a gateway has told no more than the fingerprint, and looks
            itself whether it has expired.
    """

    sha256: str | None
    why: str = ""
    certificate: Certificate | None = None


def shown(told: Certificate | str) -> Shown:
    """Return what was shown."""
    if isinstance(told, str):
        return Shown(told)
    return Shown(told.sha256, certificate=told)


def parse_networks(text: str) -> tuple[Network, ...]:
    """Read addresses and networks, parted by commas.

    Raises:
        ValueError: One of them is none.
    """
    return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())


def is_within(address: str | None, networks: tuple[Network, ...]) -> bool:
    """Say whether an address is in one of the networks."""
    try:
        known = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    mapped = getattr(known, "ipv4_mapped", None)  # a socket for both versions has ::ffff:10.0.0.1
    return any(one in network for network in networks for one in (known, mapped) if one is not None)


def read_given(
    certificate_pem: str | None, fingerprint: str | None, *, now: datetime
) -> tuple[str, Certificate | None]:
    """Return the fingerprint of what an administrator gave, and the certificate if there is one.

    Raises:
        UnprocessableError: It is neither a certificate nor a fingerprint, or has expired.
    """
    if (certificate_pem is None) == (fingerprint is None):
        raise UnprocessableError("Give either certificate_pem or sha256.", field="certificate_pem")
    if fingerprint is not None:
        try:
            return parse_fingerprint(fingerprint), None
        except ValueError as error:
            raise UnprocessableError(f"sha256: {error}.", field="sha256") from None
    try:
        certificate = read_pem(certificate_pem or "")
    except ValueError as error:
        raise UnprocessableError(f"certificate_pem: {error}.", field="certificate_pem") from None
    if certificate.not_after <= now:
        raise UnprocessableError(
            f"certificate_pem: it expired on {certificate.not_after:%Y-%m-%d}; bind the new one.",
            field="certificate_pem",
        )
    return certificate.sha256, certificate


def check_shown(bound: str | None, shown: Shown, *, now: datetime) -> None:
    """Refuse a device that does not show the certificate that is bound to it.

    Raises:
        ClientCertificateError: It does not. What exactly is wrong is said: the token was right.
    """
    if bound is None:
        return
    if shown.sha256 is None:
        raise ClientCertificateError(
            f"A TLS client certificate is bound to this device, and none was shown: {shown.why}. "
            "Connect with it (`scanhub-device --client-cert FILE --client-key FILE`)."
        )
    certificate = shown.certificate
    if certificate is not None and not certificate.not_before <= now < certificate.not_after:
        raise ClientCertificateError(
            f"The certificate of this device is good from {certificate.not_before:%Y-%m-%d} to "
            f"{certificate.not_after:%Y-%m-%d}, and it has expired or is not good yet: install a "
            "new one and have it bound."
        )
    if not hmac.compare_digest(bound.encode(), shown.sha256.encode()):
        raise ClientCertificateError(
            f"The certificate that was shown (SHA-256 {shown.sha256}) is not the one that is bound "
            "to this device: have an administrator bind it, or show the other one."
        )
