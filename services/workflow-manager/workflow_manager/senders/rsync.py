"""A folder that is reached by rsync over SSH; needs the programs rsync and ssh on this host.

Arguments are a list, never a shell line. Secrets are in files that only we can read, for as long
as the program runs; the password comes from one by way of SSH_ASKPASS.
"""

import asyncio
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import asyncssh

from scanhub_libraries.models import TargetStep
from scanhub_libraries.models.target import RsyncTarget
from workflow_manager.senders.folder import COMPLETE, wanted
from workflow_manager.senders.port import Item, Pace, SendReport, Shipment
from workflow_manager.senders.rsync_program import (
    RsyncError,
    bracketed,
    environment,
    link,
    options,
    programs,
    run,
    write,
)
from workflow_manager.senders.ssh import (
    HostKeyError,
    connect,
    known_hosts_of,
    login_steps,
    why,
)

_SCRIPT = "mercure_complete.sh"
_FAILURES = (OSError, asyncssh.Error, asyncssh.KeyImportError, HostKeyError, TimeoutError)


class RsyncSender:
    """Brings files to `<folder>/<id of the dispatch>/`."""

    whole = False

    def __init__(
        self, target: RsyncTarget, _pace: Pace, *, connect_timeout_s: float, timeout_s: float
    ) -> None:
        self._target = target  # rsync holds the bandwidth limit itself
        self._connect_timeout_s = connect_timeout_s
        self._timeout_s = timeout_s

    async def send(self, shipment: Shipment, report: SendReport) -> None:
        """Bring all files in one go, then `.complete`, then run the script if it is wanted."""
        items = wanted(shipment.items, self._target.file_filter, report)
        folder = f"{self._target.folder}/{shipment.id}"
        try:
            await self._rsync(items, folder, report)
            if not report.stop.is_set():
                await self._finish(folder)
        except RsyncError as error:
            report.fail_rest(items, str(error))
        except _FAILURES as error:
            report.fail_rest(items, why(error, self._target))
        else:
            report.sent.extend(item.sop_instance_uid for item in items)

    async def test(self) -> list[TargetStep]:
        """Look for the programs, log in, and look for the folder and the script."""
        try:
            programs("rsync", "ssh")
        except RsyncError as error:
            return [TargetStep(name="program", ok=False, detail=str(error))]
        steps, connection = await login_steps(self._target, self._connect_timeout_s)
        if connection is None:
            return steps
        folder = shlex.quote(self._target.folder)
        checks = [("folder", f"test -d {folder}", "is no folder there")]
        checks.append(("write", f"test -w {folder}", "cannot be written"))
        checks.append(("program", "command -v rsync", "is on a host without rsync"))
        if self._target.run_on_complete:
            checks.append(("script", f"test -x {folder}/{_SCRIPT}", f"has no {_SCRIPT} to run"))
        async with connection:
            for name, command, wrong in checks:
                try:
                    answer = await connection.run(command, timeout=self._timeout_s)
                except (asyncssh.Error, OSError) as error:
                    detail = why(error, self._target)
                    return [*steps, TargetStep(name=name, ok=False, detail=detail)]
                ok = answer.exit_status == 0
                detail = "In order." if ok else f"{self._target.folder} {wrong}."
                steps.append(TargetStep(name=name, ok=ok, detail=detail))
                if not ok:
                    break
        return steps

    async def _rsync(self, items: Sequence[Item], folder: str, report: SendReport) -> None:
        rsync, ssh = programs("rsync", "ssh")
        with tempfile.TemporaryDirectory(prefix="scanhub-rsync-") as name:  # mode 0700
            private = Path(name)
            variables = await asyncio.to_thread(self._write_secrets, private)
            images = private / "images"
            await asyncio.to_thread(link, items, images)
            target = self._target
            arguments = [
                *options(timeout_s=self._timeout_s, bytes_per_s=target.max_bytes_per_s),
                f"--rsh={shlex.join([ssh, *self._ssh_options(private)])}",
                "--",
                f"{images}/",
                f"{target.user}@{bracketed(target.host)}:{folder}/",
            ]
            await run(rsync, arguments, variables, report.stop)

    def _ssh_options(self, private: Path) -> list[str]:
        target = self._target
        options = {
            "UserKnownHostsFile": str(private / "known_hosts"),
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
            "HostKeyAlias": "target",
            "ConnectTimeout": str(int(self._connect_timeout_s) + 1),
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "NumberOfPasswordPrompts": "1",
        }
        written = [part for item in options.items() for part in ("-o", "=".join(item))]
        key = ["-i", str(private / "key")] if target.private_key is not None else []
        return ["-F", "none", "-p", str(target.port), *key, *written]

    def _write_secrets(self, private: Path) -> dict[str, str]:
        """Write what ssh reads; return the environment that it needs."""
        target = self._target
        keys = [key.export_public_key().decode().strip() for key in known_hosts_of(target)]
        write(private / "known_hosts", "".join(f"target {key}\n" for key in keys))
        if target.private_key is not None:
            write(private / "key", f"{target.private_key.get_secret_value().strip()}\n")
        variables = environment()
        if target.password is not None:
            write(private / "password", target.password.get_secret_value())
            script = f"#!{sys.executable} -I\nprint(open({str(private / 'password')!r}).read())\n"
            write(private / "ask", script, mode=0o700)
            variables |= {"SSH_ASKPASS": str(private / "ask"), "SSH_ASKPASS_REQUIRE": "force"}
        return variables

    async def _finish(self, folder: str) -> None:
        """Say that all is there, and run the script of the folder, as mercure does."""
        target = self._target
        async with await connect(target, self._connect_timeout_s) as connection:
            answer = await connection.run(
                f"touch {shlex.quote(f'{folder}/{COMPLETE}')}", timeout=self._timeout_s
            )
            if answer.exit_status == 0 and target.run_on_complete:
                script = shlex.quote(f"{target.folder}/{_SCRIPT}")
                answer = await connection.run(
                    f"{script} {shlex.quote(folder)} {shlex.quote(target.name)}",
                    timeout=max(self._timeout_s, 60.0),
                )
            if answer.exit_status != 0:
                raise RsyncError(f"The host could not finish: status {answer.exit_status}.")
