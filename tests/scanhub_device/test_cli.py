"""The program `scanhub-device`, started as a program."""

import asyncio
import json
import signal
import socket
import ssl
import subprocess
import sys
import threading
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import serve

from scanhub_device._spool import Source, Spool
from scanhub_device.cli import main
from scanhub_device.messages import FileTransfer

PATIENT = 30  # a machine that is busy starts a program slowly
SCANNERS = """
import time
from scanhub_device import DeviceDetails, SyncScanner

class Plain(SyncScanner):
    details = DeviceDetails(device_name="from a module")
    def scan(self, scan):
        scan.stop_requested.wait(60)

class Deaf(Plain):
    def scan(self, scan):
        time.sleep(60)

class Broken(Plain):
    def __init__(self):
        raise RuntimeError("no such device file")

made = Plain()
number = 7
"""
PYPROJECT = Path(__file__).parents[2] / "libraries" / "scanhub_device" / "pyproject.toml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(SCANNERS)
    (tmp_path / "needy.py").write_text("import not_there_at_all\n")
    credentials = {"device_id": "device-1", "device_token": "secret-1"}
    (tmp_path / "device_credentials.json").write_text(json.dumps(credentials))
    return tmp_path


@asynccontextmanager
async def program(folder: Path, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    credentials = ("--credentials", "device_credentials.json")
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "scanhub_device", *arguments, *credentials),
        cwd=folder,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.wait()


async def result(folder: Path, *arguments: str) -> tuple[int, str]:
    async with program(folder, *arguments) as started:
        _, errors = await asyncio.wait_for(started.communicate(), PATIENT)
        assert started.returncode is not None
        assert b"secret-1" not in errors
        return started.returncode, errors.decode()


def test_the_console_script_is_there() -> None:
    script = tomllib.loads(PYPROJECT.read_text())["project"]["scripts"]["scanhub-device"]
    module, name = script.split(":")
    assert getattr(import_module(module), name) is main


@pytest.mark.parametrize("name", ["mine:Plain", "mine:made"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_scanner_of_a_module_runs_until_it_is_told_to_end(
    server: Any, folder: Path, name: str, number: signal.Signals
) -> None:
    async with program(folder, "run", name, "--url", server.url, "--spool", "queue") as started:
        register = await server.expect("register", within_s=PATIENT)
        assert register["data"]["device_name"] == "from a module"
        await server.start()
        await server.expect("ack")
        started.send_signal(number)
        error = await server.expect("update_status", status="ERROR", within_s=PATIENT)
        assert "ended during the scan" in error["data"]["error_message"]
        assert await asyncio.wait_for(started.wait(), PATIENT) == 0
    assert server.goodbyes == [1001]
    Spool(folder / "queue", 1).close()  # it let go of it


async def test_a_second_signal_ends_a_scanner_that_does_not_come_to_rest(
    server: Any, folder: Path
) -> None:
    async with program(folder, "run", "mine:Deaf", "--url", server.url) as started:
        await server.expect("register", within_s=PATIENT)
        await server.start()
        await server.expect("ack")
        started.send_signal(signal.SIGTERM)
        assert started.stderr is not None
        while b"second signal" not in await asyncio.wait_for(started.stderr.readline(), PATIENT):
            pass
        started.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(started.wait(), PATIENT) == 128 + signal.SIGTERM


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("mine", 2, "package.module:Scanner"),
        ("nowhere:Scanner", 2, "no module 'nowhere'"),
        ("mine:Other", 2, "mine has no 'Other'"),
        ("mine:number", 1, "not callable"),
        ("mine:Broken", 1, "no such device file"),
        ("needy:Scanner", 1, "not_there_at_all"),
    ],
)
async def test_what_is_wrong_with_a_scanner_is_said(
    server: Any, folder: Path, name: str, code: int, words: str
) -> None:
    found, errors = await result(folder, "run", name, "--url", server.url)
    assert (found, words in errors) == (code, True), errors


def arguments(folder: Path, *more: str) -> list[str]:
    credentials = str(folder / "device_credentials.json")
    return ["check", "--credentials", credentials, *more]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--url", "http://here"], "no address of a websocket"),
        (["--url", "ws://localhost:1/x", "--ca", "ca.pem"], "wss://"),
        (["--url", "wss://localhost:1/x", "--client-cert", "c.pem"], "go together"),
        (["--url", "wss://localhost:1/x", "--ca", "/nowhere/ca.pem"], "cannot be used"),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(
    folder: Path, caplog: pytest.LogCaptureFixture, more: list[str], words: str
) -> None:
    assert main(arguments(folder, *more)) == 2
    assert words in caplog.text


async def test_a_check_says_that_all_is_well_and_leaves(server: Any, folder: Path) -> None:
    async def answer(socket: Any) -> None:
        await socket.send('{"command": "pong"}')

    server.on_connect = answer
    found, errors = await result(folder, "check", "--url", server.url)
    assert (found, "takes this device" in errors) == (0, True), errors
    assert server.headers[0]["Device-Token"] == "secret-1"
    assert len(server.headers) == 1


async def test_a_check_says_what_is_wrong(server: Any, folder: Path) -> None:
    async def refuse(socket: Any) -> None:
        await socket.close(1008, "wrong token")

    server.on_connect = refuse
    found, errors = await result(folder, "check", "--url", server.url)
    assert (found, "install the new device_credentials.json" in errors) == (4, True), errors
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{unused.getsockname()[1]}/api/v1/device/ws"
        found, errors = await result(folder, "check", "--url", url)
    assert (found, "nothing listens" in errors) == (3, True), errors


async def test_a_check_does_not_take_the_link_of_a_program_that_runs(
    server: Any, folder: Path
) -> None:
    spool = Spool(folder / "queue", 1)
    found, errors = await result(folder, "check", "--url", server.url, "--spool", "queue")
    assert (found, "another program" in errors) == (2, True), errors
    assert server.headers == []
    spool.close()


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    options = ["-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    options += ["-addext", f"subjectAltName=DNS:{name}"]
    options += ["-out", str(paths[0]), "-keyout", str(paths[1])]
    subprocess.run(["openssl", "req", "-x509", *options], check=True, capture_output=True)
    return paths


async def test_certificates_of_server_and_device_are_used(folder: Path) -> None:
    server_pem, server_key = certificate(folder, "localhost")
    device_pem, device_key = certificate(folder, "device-1")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=device_pem)
    context.load_cert_chain(server_pem, server_key)
    context.verify_mode = ssl.CERT_REQUIRED
    shown: list[Any] = []

    async def take(link: Any) -> None:
        shown.append(link.transport.get_extra_info("peercert")["subject"])
        await link.send('{"command": "pong"}')
        await link.wait_closed()

    async with serve(take, "127.0.0.1", 0, ssl=context) as tls:
        port = tls.sockets[0].getsockname()[1]
        check = ("check", "--url", f"wss://localhost:{port}/api/v1/device/ws")
        found, errors = await result(folder, *check)
        assert (found, "not trusted" in errors) == (5, True), errors
        ca = ("--ca", server_pem.name)
        both = ("--client-cert", device_pem.name, "--client-key", device_key.name)
        found, errors = await result(folder, *check, *ca, *both)
        assert found == 0, errors
        assert shown == [((("commonName", "device-1"),),)]
        found, errors = await result(folder, *check, *ca)
        assert found in {3, 5}, errors  # the server says so only after the handshake


def test_the_queue_is_listed_and_what_was_set_aside_is_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def header(size_bytes: int, sha256: str) -> FileTransfer:
        about = {"task_id": "t", "user_access_token": "secret-1", "content_type": "x"}
        return FileTransfer(filename="raw.mrd", size_bytes=size_bytes, sha256=sha256, **about)

    (tmp_path / "signal").write_bytes(b"k-space")
    spool = Spool(tmp_path / "queue", 100)
    entry = spool.put(Source(tmp_path / "signal", header), threading.Event())
    assert entry is not None
    spool.set_aside(entry, "the token has expired")
    spool.close()
    queue = ["queue", "--spool", str(tmp_path / "queue")]
    assert main(queue) == 0
    assert main([*queue, "--retry"]) == 0
    assert main(queue) == 0
    first, second, third = capsys.readouterr().out.splitlines()
    assert first == second == f"aside    {entry.id}  raw.mrd  the token has expired"
    assert third == f"pending  {entry.id}  raw.mrd  7 bytes"
