"""Which certificate the other end of a connection has shown.

The server tells it in the scope of ASGI: the TLS extension has the certificate of a connection that
ends here, and `scanhub.peer` the address of whoever is at its other end. `client` of the scope will
not do: it is what a gateway says, or who claims to be one.
"""

from starlette.requests import HTTPConnection

from device_manager.certificates.rules import Shown, is_within, parse_networks, shown
from device_manager.settings import DeviceManagerSettings
from scanhub_libraries.security.certificates import parse_header, read_pem

PEER = "scanhub.peer"


def shown_certificate(connection: HTTPConnection, settings: DeviceManagerSettings) -> Shown:
    """Return the certificate of a connection.

    A header counts only if the settings name it and a trusted gateway is at the other end. Then
    only the header counts: a certificate of the connection itself would be that of the gateway.
    """
    extensions = connection.scope.get("extensions") or {}
    address = extensions.get(PEER, {}).get("address")
    header = settings.certificate_header
    if header and is_within(address, parse_networks(settings.trusted_proxies)):
        return _from_header(connection.headers.getlist(header), header)
    tls = extensions.get("tls")
    if tls is None:
        if header and header in connection.headers:
            return Shown(None, f"{header} was sent by {address}, which is no trusted gateway")
        return Shown(None, "the connection is without TLS")
    chain = list(tls.get("client_cert_chain") or ())
    if not chain:
        return Shown(None, "the client sent no certificate")
    return shown(read_pem(chain[0]))


def _from_header(values: list[str], header: str) -> Shown:
    if len(values) > 1:
        return Shown(None, f"the gateway passed several {header}")
    try:
        told = parse_header(values[0]) if values else None
    except ValueError:
        return Shown(None, f"{header} of the gateway cannot be read")
    return shown(told) if told else Shown(None, f"the gateway passed no {header}")
