"""rsync for real: its program, through ssh, to a host that runs what it is told."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import asyncssh
import pytest
from images import SERIES, write_instance
from programs import require_program
from test_senders import OnlyTester, last_step, send, uids
from workflow_service import a_port, until

from scanhub_libraries.ids import new_id
from scanhub_libraries.models import TargetIn
from workflow_manager.senders.port import Item, Shipment
from workflow_manager.senders.registry import Senders


@pytest.fixture
def shipment(tmp_path):
    paths = [write_instance(tmp_path / "from", number) for number in (1, 2, 3)]
    return Shipment(id=new_id(), items=[Item(f"{SERIES}.{path.stem}", path) for path in paths])


async def pump(read, write):
    while data := await read.read(65536):
        write.write(data)
        await write.drain()


class Shell:
    """Does what clients ask for, as a host with a shell does."""

    def __init__(self):
        self._running = set()

    async def __call__(self, process):
        self._running.add(task := asyncio.create_task(self._run(process)))
        await asyncio.shield(task)

    async def _run(self, process):
        child = await asyncio.create_subprocess_shell(
            process.command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

        async def take():
            with suppress(ConnectionError, asyncssh.Error):
                await pump(process.stdin, child.stdin)
            child.stdin.close()

        taking = asyncio.create_task(take())
        with suppress(ConnectionError, asyncssh.Error):
            await asyncio.gather(
                pump(child.stdout, process.stdout), pump(child.stderr, process.stderr)
            )
        taking.cancel()
        child.stdin.close()
        await child.communicate()
        process.exit(child.returncode)

    async def ended(self):
        await asyncio.gather(*self._running)


@pytest.fixture
async def host(tmp_path):
    require_program("rsync"), require_program("ssh")
    key = asyncssh.generate_private_key("ssh-ed25519")
    (tmp_path / "to").mkdir()
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=OnlyTester,
        server_host_keys=[key],
        process_factory=(shell := Shell()),
        encoding=None,
    )
    async with server:
        yield {
            "name": "Far",
            "target_type": "rsync",
            "host": "127.0.0.1",
            "port": server.get_port(),
            "folder": str(tmp_path / "to"),
            "user": "tester",
            "password": "right",
            "host_key": key.export_public_key().decode().strip(),
        }
    await asyncio.wait_for(shell.ended(), 30)


@pytest.fixture
def sender_of():
    with ThreadPoolExecutor(max_workers=1) as threads:
        senders = Senders(threads, connect_timeout_s=10.0, timeout_s=20.0)
        yield lambda settings: senders.make(TargetIn.model_validate(settings).root)


async def test_rsync_brings_whole_files_then_the_word_and_runs_the_script(
    sender_of, shipment, host, tmp_path
):
    script = tmp_path / "to" / "mercure_complete.sh"
    script.write_text('#!/bin/sh\necho "$2" > "$1/told"\n')
    script.chmod(0o700)
    sender = sender_of({**host, "run_on_complete": True})
    for _ in range(2):  # the second time, after a crash, changes nothing
        report = await send(sender, shipment)
        assert (report.sent, report.failed) == (uids(shipment), {})
    folder = tmp_path / "to" / str(shipment.id)
    names = {*(item.name for item in shipment.items), ".complete", "told"}
    assert {path.name for path in folder.iterdir()} == names
    for item in shipment.items:
        assert (folder / item.name).read_bytes() == item.path.read_bytes()
    assert (folder / "told").read_text() == "Far\n"
    assert (await last_step(sender)).ok


async def test_rsync_names_what_is_wrong_and_counts_nothing(sender_of, shipment, host, tmp_path):
    wrong = sender_of({**host, "password": "wrong"})
    assert (await last_step(wrong)).name == "login"
    report = await send(wrong, shipment)
    assert (report.sent, len(report.failed)) == ([], 3)
    assert "wrong" not in report.error
    script = tmp_path / "to" / "mercure_complete.sh"
    script.write_text("#!/bin/sh\nexit 3\n")
    sender = sender_of({**host, "run_on_complete": True})
    assert (await last_step(sender)).name == "script"  # it may not be run
    script.chmod(0o700)
    assert "status 3" in (await send(sender, shipment)).error
    nowhere = sender_of({**host, "folder": str(tmp_path / "nowhere")})
    assert (await last_step(nowhere)).name == "folder"
    assert len((await send(nowhere, shipment)).failed) == 3


# --- a daemon -------------------------------------------------------------------------------------


@pytest.fixture
async def daemon(tmp_path):
    """An rsync daemon with a module that asks for a password."""
    program, port = require_program("rsync"), a_port()
    (tmp_path / "module" / "in").mkdir(parents=True)
    (tmp_path / "secrets").write_text("tester:right\n")
    (tmp_path / "secrets").chmod(0o600)
    (tmp_path / "rsyncd.conf").write_text(
        f"use chroot = no\nuid = {os.getuid()}\ngid = {os.getgid()}\n"
        f"pid file = {tmp_path / 'pid'}\nlog file = {tmp_path / 'log'}\n"
        f"[images]\npath = {tmp_path / 'module'}\nread only = no\n"
        f"auth users = tester\nsecrets file = {tmp_path / 'secrets'}\n"
        f"[shown]\npath = {tmp_path / 'module'}\nread only = yes\n"
    )
    process = await asyncio.create_subprocess_exec(
        *(program, "--daemon", "--no-detach", "--address=127.0.0.1", f"--port={port}"),
        f"--config={tmp_path / 'rsyncd.conf'}",
    )

    async def listens():
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.transport.abort()
            return True

    await until(listens)
    yield {
        "name": "Far",
        "target_type": "rsync",
        "host": "127.0.0.1",
        "port": port,
        "module": "images",
        "folder": "/in",
        "user": "tester",
        "password": "right",
    }
    process.terminate()
    await process.wait()


async def test_a_daemon_gets_whole_files_and_then_the_word(sender_of, shipment, daemon, tmp_path):
    sender = sender_of({**daemon, "file_filter": ["*.2.dcm"], "max_bytes_per_s": 10**6})
    for _ in range(2):  # the second time, after a crash, changes nothing
        report = await send(sender, shipment)
        assert (set(report.sent), report.failed) == ({*uids(shipment)}, {})
    folder = tmp_path / "module" / "in" / str(shipment.id)
    brought = [shipment.items[0], shipment.items[2]]
    assert {path.name for path in folder.iterdir()} == {*(i.name for i in brought), ".complete"}
    for item in brought:
        assert (folder / item.name).read_bytes() == item.path.read_bytes()
    assert (await last_step(sender)).ok


async def test_a_daemon_that_refuses_is_told_with_the_step(sender_of, shipment, daemon):
    for changes, step in (
        ({"password": "wrong"}, "login"),
        ({"module": "nothing"}, "folder"),
        ({"folder": "/nowhere/at/all"}, "folder"),
        ({"module": "shown"}, "write"),
        ({"port": a_port()}, "connection"),
    ):
        sender = sender_of({**daemon, **changes})
        failed = await last_step(sender)
        assert (failed.name, failed.ok) == (step, False)
        report = await send(sender, shipment)
        assert (report.sent, len(report.failed)) == ([], 3), changes
        assert "wrong" not in report.error
