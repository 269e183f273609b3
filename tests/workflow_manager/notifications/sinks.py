"""Whom notifications reach: a web server and a mail server, real ones on the loopback."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy

from aiosmtpd.smtp import SMTP, AuthResult
from starlette.requests import Request
from starlette.responses import Response
from workflow_service import over_http


class WebSink:
    """Keeps what it gets; answers what it is told to."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        """Statuses of the next answers; then 200."""

    @property
    def documents(self):
        return [json.loads(body) for _, body in self.got]

    async def __call__(self, scope, receive, send):
        request = Request(scope, receive)
        self.got.append((dict(request.headers), await request.body()))
        status = self.answers.pop(0) if self.answers else 200
        headers = {"Location": "/elsewhere"} if status in range(300, 400) else {}
        await Response(status_code=status, headers=headers)(scope, receive, send)


@asynccontextmanager
async def web_sink() -> AsyncIterator[tuple[WebSink, str]]:
    sink = WebSink()
    async with over_http(sink) as url:
        yield sink, url


class MailSink:
    """Keeps mails; refuses whom it is told to."""

    def __init__(self) -> None:
        self.mails = []
        self.logins = []
        self.refused: set[str] = set()

    async def handle_RCPT(self, *about):  # noqa: N802 - aiosmtpd's name
        _, _, envelope, address, _ = about
        if address in self.refused:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, *about):  # noqa: N802 - aiosmtpd's name
        envelope = about[2]
        mail = message_from_bytes(envelope.content, policy=policy.default)
        self.mails.append((envelope.rcpt_tos, mail))
        return "250 taken"

    def authenticate(self, *about):
        login = about[-1]
        self.logins.append((login.login, login.password))
        return AuthResult(success=login.password == b"right", handled=False)


@asynccontextmanager
async def mail_sink(*, implicit_tls=None, **options) -> AsyncIterator[tuple[MailSink, int]]:
    sink = MailSink()

    def protocol() -> SMTP:
        return SMTP(sink, authenticator=sink.authenticate, **options)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=implicit_tls)
    try:
        yield sink, server.sockets[0].getsockname()[1]
    finally:
        server.close()
