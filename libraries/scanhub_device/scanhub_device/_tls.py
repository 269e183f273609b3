"""TLS of the link and of uploads: whom the device trusts, and how it shows who it is itself."""

import ssl
from pathlib import Path

from scanhub_device.errors import CertificateError
from scanhub_device.settings import ClientSettings


class Tls:
    """The files of a device, read again when they change: certificates are renewed while it runs.

    Args:
        settings: names the files.

    Raises:
        CertificateError: one of them cannot be used.
    """

    def __init__(self, settings: ClientSettings) -> None:
        self._certificate, self._key = settings.client_certificate, settings.client_key
        try:
            self.context = ssl.create_default_context(cafile=settings.ca_file)
        except OSError as error:  # an SSLError is one
            raise CertificateError(f"{settings.ca_file} cannot be used: {error}") from error
        self._loaded: tuple[int, ...] = ()
        self.refresh()

    def refresh(self) -> None:
        """Take a certificate that was renewed, for the next connection.

        Raises:
            CertificateError: it cannot be used; the one from before stays.
        """
        if self._certificate is None:
            return
        files = [file for file in (self._certificate, self._key) if file is not None]
        try:
            found = tuple(file.stat().st_mtime_ns for file in files)
            if found != self._loaded:
                # Without a password at hand OpenSSL would ask for one at the terminal, and wait.
                self.context.load_cert_chain(self._certificate, self._key, password=_no_password)
                self._loaded = found
        except (OSError, ValueError) as error:
            names = " with ".join(str(file) for file in files)
            raise CertificateError(f"{names} cannot be used: {error}") from error


def tls_of(url: str, settings: ClientSettings) -> Tls | None:
    """Return how a link is secured; None: as the system does it, or not at all.

    Raises:
        CertificateError: a file cannot be used, or the files do not go together.
    """
    given: list[Path | None] = [settings.ca_file, settings.client_certificate, settings.client_key]
    if not any(given):
        return None
    if not url.lower().startswith("wss:"):
        raise CertificateError("certificates go with an address that begins with wss://")
    if settings.client_key and not settings.client_certificate:
        raise CertificateError("--client-key goes with --client-cert")
    return Tls(settings)


def _no_password() -> str:
    raise ValueError("the key has a password, and nobody is there to enter it")
