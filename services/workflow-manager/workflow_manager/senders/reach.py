"""The first steps of every connection test: is there such a host, and does it answer."""

import asyncio
import errno
import socket
import ssl

from scanhub_libraries.models import TargetStep


async def reach(host: str, port: int, timeout_s: float) -> list[TargetStep]:
    """Resolve a name and connect; the last step is the one that failed, if one did."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout_s):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError) as error:
        detail = f"The name {host!r} is not known: {_text(error)}."
        return [TargetStep(name="name", ok=False, detail=detail)]
    addresses = sorted({str(entry[4][0]) for entry in found})
    steps = [TargetStep(name="name", ok=True, detail=f"{host} is {', '.join(addresses)}.")]
    try:
        async with asyncio.timeout(timeout_s):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError) as error:
        detail = why_not_connected(error, host, port)
        return [*steps, TargetStep(name="connection", ok=False, detail=detail)]
    writer.transport.abort()
    detail = f"Something listens at {host}:{port}."
    return [*steps, TargetStep(name="connection", ok=True, detail=detail)]


def why_not_connected(error: BaseException, host: str, port: int) -> str:
    """Tell a refused connection from a host that is away, for a person."""
    place = f"{host}:{port}"
    if isinstance(error, ConnectionRefusedError):
        return f"{place} refuses connections: the program is not running, or the port is wrong."
    if isinstance(error, TimeoutError):
        return f"{place} does not answer: the host is off, or a firewall is in between."
    if isinstance(error, OSError) and error.errno in {errno.EHOSTUNREACH, errno.ENETUNREACH}:
        return f"There is no route to {place}."
    return f"Nobody answers at {place}: {_text(error)}."


async def handshake(
    host: str, port: int, context: ssl.SSLContext, timeout_s: float, server_name: str | None = None
) -> TargetStep:
    """Try TLS alone."""
    try:
        async with asyncio.timeout(timeout_s):
            _, writer = await asyncio.open_connection(
                host, port, ssl=context, server_hostname=server_name or host
            )
    except (OSError, TimeoutError) as error:
        return TargetStep(name="tls", ok=False, detail=why_no_tls(error))
    writer.transport.abort()
    return TargetStep(name="tls", ok=True, detail="The certificate is in order.")


def why_no_tls(error: BaseException) -> str:
    """Tell what is wrong with TLS, for a person."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The certificate of the other side is not accepted: {error.verify_message}."
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or _text(error)}."
    return f"The other side ended the connection during TLS: {_text(error)}."


def _text(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
