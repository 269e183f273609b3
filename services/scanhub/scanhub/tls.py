"""TLS that ends here, without a gateway in front."""

import ssl

from scanhub.settings import InstallationSettings
from scanhub_libraries.logging import get_logger

logger = get_logger(__name__)
_NO_CHECK_TIME = ssl.VerifyFlags(0x200000)
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL.

A certificate that has expired is refused with words, by who knows whose it is. TLS would end the
connection, and asyncio drops the alert that says why.
"""


class _TellingObject(ssl.SSLObject):
    """Says in the log why a certificate was not taken; nobody else does."""

    def do_handshake(self) -> None:
        """Take the next step of the handshake."""
        try:
            super().do_handshake()
        except ssl.SSLCertVerificationError as error:
            logger.info("client certificate refused", why=error.verify_message)
            raise


class TlsError(Exception):
    """A certificate or key cannot be used; the text names the file."""


def server_context(settings: InstallationSettings) -> ssl.SSLContext | None:
    """Return what connections are secured with, None if they are not.

    With the certificates of a CA, clients are asked for one of theirs and need not have one: people
    have none. Whether a device has to, and which, says its entry in the registry.

    Raises:
        TlsError: A file cannot be used.
    """
    if settings.ssl_certfile is None:
        if settings.ssl_keyfile or settings.ssl_ca_certs:
            raise TlsError("--ssl-keyfile and --ssl-ca-certs go with --ssl-certfile.")
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # Without a password at hand OpenSSL would ask for one at the terminal, and wait.
        context.load_cert_chain(settings.ssl_certfile, settings.ssl_keyfile, password=_no_password)
    except (OSError, ValueError) as error:
        key = settings.ssl_keyfile or settings.ssl_certfile
        raise TlsError(
            f"The certificate {settings.ssl_certfile} and the key {key} cannot be used: {error}."
        ) from error
    if settings.ssl_ca_certs is not None:
        context.verify_mode = ssl.CERT_OPTIONAL
        context.verify_flags |= _NO_CHECK_TIME
        context.sslobject_class = _TellingObject
        try:
            context.load_verify_locations(settings.ssl_ca_certs)
        except OSError as error:
            raise TlsError(
                f"The certificates in {settings.ssl_ca_certs} cannot be used: {error}."
            ) from error
    return context


def services_context(settings: InstallationSettings) -> ssl.SSLContext | None:
    """Return what the certificates of the other services are checked with, None: as everywhere.

    Raises:
        TlsError: The file cannot be used.
    """
    if settings.services_ca is None:
        return None
    try:
        return ssl.create_default_context(cafile=settings.services_ca)
    except OSError as error:
        raise TlsError(
            f"The certificates in {settings.services_ca} cannot be used: {error}."
        ) from error


def _no_password() -> str:
    raise ValueError("the key has a password, and nobody is there to enter it")
