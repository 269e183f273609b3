"""Webhooks and mail servers over TLS: trusted, or said why not."""

import asyncio
import ssl
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
import uvicorn
from pydantic import SecretStr
from workflow_service import until

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "device_manager"))
from authority import Authority
from sinks import WebSink, mail_sink

from workflow_manager.notifications.sending import (
    DeliveryError,
    Letter,
    post_webhook,
    send_email,
)

LETTER = Letter(address="a@clinic.example", subject="s", body="b", kind="plain")


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def server_context(authority):
    holder = authority.sign("server")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(holder.certificate, holder.key)
    return context


@asynccontextmanager
async def https(authority):
    holder, sink = authority.sign("server"), WebSink()
    config = uvicorn.Config(
        sink,
        port=0,
        log_config=None,
        lifespan="off",
        ssl_certfile=str(holder.certificate),
        ssl_keyfile=str(holder.key),
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    try:
        yield sink, server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = server.force_exit = True
        await task


async def test_a_webhook_is_called_by_its_name_and_trusted_by_our_authority(
    make_settings, authority
):
    async with https(authority) as (sink, port):
        url = f"https://localhost:{port}/x"
        ours = make_settings(webhook_local=True, webhook_ca_file=authority.file)
        await post_webhook(ours, url, b"{}", uuid4())
        headers, body = sink.got[0]
        assert (headers["host"], body) == (f"localhost:{port}", b"{}")
        strangers = make_settings(webhook_local=True)
        with pytest.raises(DeliveryError, match="certificate of localhost is not trusted"):
            await post_webhook(strangers, url, b"{}", uuid4())
        assert len(sink.got) == 1


async def test_a_name_that_nobody_knows_is_named(make_settings):
    with pytest.raises(DeliveryError, match=r"name nobody\.invalid is not known"):
        await post_webhook(make_settings(), "https://nobody.invalid/secret", b"{}", uuid4())


def mail_settings(make_settings, authority, port, **changes):
    return make_settings(
        smtp_host="localhost",
        smtp_port=port,
        smtp_ca_file=authority.file,
        smtp_user="mri",
        smtp_password="right",
        **changes,
    )


async def test_a_login_goes_over_tls_of_both_kinds_and_never_without(make_settings, authority):
    context = server_context(authority)
    for security, options in (
        ("starttls", {"tls_context": context, "require_starttls": True}),
        ("tls", {"implicit_tls": context, "auth_require_tls": False}),
    ):
        async with mail_sink(**options) as (sink, port):
            settings = mail_settings(make_settings, authority, port, smtp_security=security)
            await send_email(settings, LETTER, uuid4())
            assert len(sink.mails) == 1, security
            assert sink.logins == [(b"mri", b"right")]
    settings = mail_settings(make_settings, authority, 9)
    with pytest.raises(DeliveryError, match="over TLS only"):
        await send_email(settings, LETTER, uuid4())


async def test_a_wrong_password_and_a_strange_certificate_are_told_apart(make_settings, authority):
    async with mail_sink(tls_context=server_context(authority)) as (sink, port):
        wrong = {"smtp_security": "starttls", "smtp_password": "wrong"}
        settings = mail_settings(make_settings, authority, port, smtp_security="starttls")
        with pytest.raises(DeliveryError, match="does not take the login"):
            await send_email(settings.model_copy(update=secret(**wrong)), LETTER, uuid4())
        strangers = settings.model_copy(update={"smtp_ca_file": None})
        with pytest.raises(DeliveryError, match="certificate of localhost is not trusted"):
            await send_email(strangers, LETTER, uuid4())
        assert sink.mails == []


def secret(**changes):
    return {**changes, "smtp_password": SecretStr(changes["smtp_password"])}


async def test_nobody_at_the_mail_server_is_said(make_settings, authority):
    settings = make_settings(smtp_host="127.0.0.1", smtp_port=9)
    with pytest.raises(DeliveryError, match=r"Nobody answers at 127\.0\.0\.1:9"):
        await send_email(settings, LETTER, uuid4())
