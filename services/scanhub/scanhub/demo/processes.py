"""The processes of the demo: server, archive, scanner. Each is real and stands alone."""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import Process
from dataclasses import dataclass
from pathlib import Path

from scanhub.demo.errors import DemoError

_STOP_SECONDS = 10.0
_TAIL_LINES = 15


def free_port(preferred: int | None = None) -> int:
    """Return a free port of the loopback interface: `preferred` if nobody has it."""
    for port in [preferred, 0] if preferred else [0]:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise DemoError("No free port on the loopback interface.")


@dataclass
class Child:
    """One started process and its log file."""

    name: str
    process: Process
    log: Path

    def check_alive(self) -> None:
        """Raise DemoError, with the end of its log, when it has ended by itself."""
        if self.process.returncode is not None:
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])
            raise DemoError(
                f"{self.name} ended with code {self.process.returncode}. "
                f"The end of {self.log}:\n{tail}"
            )

    async def stop(self) -> None:
        """End it as Ctrl-C would; kill it when it does not listen."""
        if self.process.returncode is not None:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            await asyncio.wait_for(self.process.wait(), _STOP_SECONDS)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()


async def start(name: str, arguments: list[str], logs: Path) -> Child:
    """Start `python -m ...` of this installation in its own session, logging to a file."""
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{name}.log"
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    return Child(name, process, log)
