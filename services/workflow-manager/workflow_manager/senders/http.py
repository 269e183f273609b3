"""What senders over HTTP share: certificates, and errors in words for a person."""

import ssl

import httpx

from scanhub_libraries.models.target import DicomWebTarget

STEP_OF = {
    401: ("login", "The server refuses the login: user, password or token is wrong."),
    403: ("login", "The login is right, but it may not do this (HTTP 403)."),
    404: ("address", "There is nothing at this address (HTTP 404)."),
    200: ("login", "The server answered, the login is right."),
    204: ("login", "The server answered, the login is right."),
}
"""Which step of a test a status belongs to, and what it says."""


def tls_of(ca_cert: str) -> ssl.SSLContext:
    """Return whom to trust.

    Args:
        ca_cert: Certificate of an authority of one's own, PEM; empty: the known ones.
    """
    return ssl.create_default_context(cadata=ca_cert or None)


def web_client(target: DicomWebTarget, timeout: httpx.Timeout) -> httpx.AsyncClient:
    """Return a client that is logged in at a DICOMweb server.

    Raises:
        ValueError: The CA certificate cannot be read (ssl.SSLError is one).
    """
    headers, auth = {}, None
    if target.access_token is not None:
        headers["Authorization"] = f"Bearer {target.access_token.get_secret_value()}"
    elif target.http_user:
        password = target.http_password.get_secret_value() if target.http_password else ""
        auth = httpx.BasicAuth(target.http_user, password)
    return httpx.AsyncClient(
        headers=headers,
        auth=auth,
        timeout=timeout,
        verify=tls_of(target.ca_cert),
        trust_env=False,
    )


def address_of(target: DicomWebTarget, prefix: str) -> str:
    """Return where the studies of a DICOMweb server are."""
    parts = [target.url, prefix.strip("/"), "studies"]
    return "/".join(part for part in parts if part)


def why_no_answer(error: BaseException) -> str:
    """Tell why a request had no answer, for a person; never with what was sent."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"The certificate of the server is not accepted: {cause.verify_message}."
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.ConnectTimeout):
        return "The server does not answer: it is off, or a firewall is in between."
    if isinstance(error, httpx.TimeoutException):
        return "The server took too long to answer."
    if isinstance(error, httpx.ConnectError):
        return f"Nobody answers at the server's address: {error}."
    return f"The server's answer cannot be used: {str(error) or type(error).__name__}."
