"""A certificate authority for tests, and what it signs."""

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from scanhub.settings import InstallationSettings
from scanhub.tls import server_context

LOOPBACK = x509.SubjectAlternativeName(
    [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@dataclass(frozen=True)
class Holder:
    """Files of a certificate and its key."""

    certificate: Path
    key: Path

    @property
    def pem(self) -> str:
        return self.certificate.read_text()

    @property
    def der(self) -> bytes:
        return ssl.PEM_cert_to_DER_cert(self.pem)

    @property
    def sha256(self) -> str:
        return sha256(self.der).hexdigest()


@dataclass(frozen=True)
class Tls:
    """What a server has, and what a client has that shows no certificate."""

    server: ssl.SSLContext
    stranger: ssl.SSLContext


class Authority:
    """Signs certificates."""

    def __init__(self, folder: Path, name: str = "Test CA") -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = _name(name)
        certificate = self._sign(
            self._subject,
            self._key.public_key(),
            1.0,
            x509.BasicConstraints(ca=True, path_length=0),
        )
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def sign(self, name: str, days: float = 1.0) -> Holder:
        """Sign a certificate that ends in so many days; it is good for the loopback."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(_name(name), key.public_key(), days, LOOPBACK)
        holder = Holder(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        holder.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        holder.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return holder

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        days: float,
        extension: x509.ExtensionType,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=10))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        return builder.sign(self._key, SHA256())

    def client(self, holder: Holder | None = None) -> ssl.SSLContext:
        """Return what a client trusts, and shows."""
        context = ssl.create_default_context(cafile=self.file)
        if holder is not None:
            context.load_cert_chain(holder.certificate, holder.key)
        return context

    def tls(self, server: Holder) -> Tls:
        """Return a server that asks for certificates of this authority, as the product does."""
        settings = InstallationSettings(
            ssl_certfile=server.certificate, ssl_keyfile=server.key, ssl_ca_certs=self.file
        )
        context = server_context(settings)
        assert context is not None
        return Tls(context, self.client())
