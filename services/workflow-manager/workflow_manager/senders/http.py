"""What senders over HTTP share: certificates, and errors in words for a person."""

import ssl

import httpx

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
