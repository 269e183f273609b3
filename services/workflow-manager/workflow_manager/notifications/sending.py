"""Hands a message over: a webhook by HTTPS, an e-mail by SMTP. What is wrong is said in words.

The URL of a webhook may hold a secret in its path: no error and no log repeats it.
"""

import asyncio
import socket
import ssl
import time
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path
from uuid import UUID

import aiosmtplib
import httpx

from scanhub_libraries.errors import ScanHubError
from workflow_manager.notifications.rules import check_address, check_goal, check_url, signature
from workflow_manager.settings import WorkflowManagerSettings

_SECONDS = 15.0
_LONGEST_REASON = 300


class DeliveryError(Exception):
    """It did not arrive; it may the next time."""


@dataclass(frozen=True, slots=True)
class Letter:
    """An e-mail to one address."""

    address: str
    subject: str
    body: str
    kind: str
    """`plain` or `html`."""


def _context(ca_file: Path | None) -> ssl.SSLContext:
    """Return whom to trust: whom the system trusts, and the authority of this installation."""
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


def _tls_problem(error: BaseException | None, host: str) -> str | None:
    """Return what is wrong with TLS, if it is that."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"The certificate of {host} is not trusted: {error.verify_message}."
        if isinstance(error, ssl.SSLError):
            return f"{host} does not speak TLS as we do: {error.reason}."
        error = error.__cause__ or error.__context__
    return None


async def _addresses(host: str, port: int) -> list[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise DeliveryError(f"The name {host} is not known: {error.strerror}.") from error
    return [str(item[4][0]) for item in found]


async def post_webhook(
    settings: WorkflowManagerSettings, url: str, body: bytes, delivery: UUID
) -> None:
    """Post a document; any 2xx means that it was taken. Redirects are not followed.

    The name is resolved once, and what was checked is what is called.

    Args:
        settings: What a webhook may be, and how it is signed.
        url: Where to.
        body: The document.
        delivery: The same for each attempt: a receiver can tell a message it has.

    Raises:
        UnprocessableError: It may not be called.
        DeliveryError: It was not taken.
    """
    host = check_url(url, http=settings.webhook_http)
    goal = httpx.URL(url)
    port = goal.port or (443 if goal.scheme == "https" else 80)
    address = check_goal(host, await _addresses(host, port), local=settings.webhook_local)
    headers = {
        "Host": goal.netloc.decode(),
        "Content-Type": "application/json",
        "User-Agent": "scanhub",
        "X-ScanHub-Delivery": str(delivery),
    }
    if settings.webhook_secret is not None:
        secret = settings.webhook_secret.get_secret_value()
        headers["X-ScanHub-Signature"] = signature(secret, int(time.time()), body)
    context = await asyncio.to_thread(_context, settings.webhook_ca_file)
    try:
        async with (
            asyncio.timeout(_SECONDS),
            httpx.AsyncClient(verify=context, trust_env=False, timeout=_SECONDS) as client,
            client.stream(
                "POST",
                goal.copy_with(host=address),
                content=body,
                headers=headers,
                extensions={"sni_hostname": host},
            ) as answer,
        ):
            status = answer.status_code
    except (TimeoutError, httpx.TimeoutException) as error:
        raise DeliveryError(f"{host} did not answer within {_SECONDS:g} s.") from error
    except httpx.HTTPError as error:
        reason = _tls_problem(error, host) or f"Nobody answers at {host}:{port}."
        raise DeliveryError(reason) from error
    if not httpx.codes.is_success(status):
        raise DeliveryError(f"{host} answered HTTP {status}; 200 would mean that it was taken.")


def _message(settings: WorkflowManagerSettings, letter: Letter, delivery: UUID) -> EmailMessage:
    message = EmailMessage()
    message["From"] = settings.email_from
    message["To"] = letter.address
    message["Subject"] = letter.subject
    message["Date"] = formatdate()
    message["Message-ID"] = f"<{delivery}@{settings.email_from.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    message.set_content(letter.body, subtype=letter.kind)
    return message


async def send_email(settings: WorkflowManagerSettings, letter: Letter, delivery: UUID) -> None:
    """Send one mail to one address.

    Raises:
        UnprocessableError: That is no address.
        DeliveryError: The server did not take it.
    """
    check_address(letter.address)
    host, security = settings.smtp_host, settings.smtp_security
    if host is None:
        raise DeliveryError("There is no mail server: set SCANHUB_WORKFLOW_SMTP_HOST.")
    password = settings.smtp_password.get_secret_value() if settings.smtp_password else None
    if settings.smtp_user and security == "none":
        raise DeliveryError(
            "A password is sent over TLS only: set SCANHUB_WORKFLOW_SMTP_SECURITY to starttls or "
            "tls."
        )
    context = await asyncio.to_thread(_context, settings.smtp_ca_file)
    try:
        async with asyncio.timeout(2 * _SECONDS):
            await aiosmtplib.send(
                _message(settings, letter, delivery),
                recipients=[letter.address],
                hostname=host,
                port=settings.smtp_port,
                username=settings.smtp_user,
                password=password,
                use_tls=security == "tls",
                start_tls=security == "starttls",
                tls_context=None if security == "none" else context,
                timeout=_SECONDS,
            )
    except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as error:
        raise DeliveryError(_mail_problem(error, host, settings.smtp_port)) from error


def _mail_problem(error: Exception, host: str, port: int) -> str:
    """Say what a mail server refused, in its own words where it has some."""
    match error:
        case aiosmtplib.SMTPAuthenticationError():
            return f"{host} does not take the login: {error.code} {error.message}"[:_LONGEST_REASON]
        case aiosmtplib.SMTPRecipientsRefused():
            first = error.recipients[0]
            return f"{host} refuses the address: {first.code} {first.message}"[:_LONGEST_REASON]
        case aiosmtplib.SMTPConnectResponseError() | aiosmtplib.SMTPTimeoutError() | TimeoutError():
            return f"{host}:{port} did not answer as a mail server does."
        case aiosmtplib.SMTPResponseException():
            return f"{host} refuses the mail: {error.code} {error.message}"[:_LONGEST_REASON]
    wrong = _tls_problem(error, host)
    if wrong is None and isinstance(error, aiosmtplib.SMTPConnectError | OSError):
        wrong = f"Nobody answers at {host}:{port}."
    return wrong or f"{host}:{port}: {error}"[:_LONGEST_REASON]


def reason_of(error: DeliveryError | ScanHubError) -> str:
    """Return what a person reads."""
    return error.detail if isinstance(error, ScanHubError) else str(error)
