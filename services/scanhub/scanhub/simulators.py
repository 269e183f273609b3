"""Simulated scanners beside the server: a process each, whose life is bound to the server's."""

import asyncio
import os
import shutil
import sys
from asyncio.subprocess import Process
from pathlib import Path
from uuid import UUID

from scanhub.settings import InstallationSettings
from scanhub_device.simulated import DEVICE_TYPE
from scanhub_libraries.errors import ForbiddenError
from scanhub_libraries.models import DeviceCredentials

_STOP_SECONDS = 5.0
_CREDENTIALS = "device_credentials.json"
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - names, nothing listens


class SimulatorPark:
    """Starts simulated scanners, keeps them over restarts of the server, and ends them.

    Args:
        settings: Where the server listens, and where the credentials are kept.
    """

    device_type = DEVICE_TYPE

    def __init__(self, settings: InstallationSettings) -> None:
        self._settings = settings
        self._folder = settings.data_dir / "simulators"
        self._processes: dict[UUID, Process] = {}
        self._url: str | None = None
        self._turn = asyncio.Lock()

    async def open(self, port: int) -> None:
        """Start the scanners of before, now that the server listens."""
        if self._settings.ssl_certfile is not None:
            return
        host = _EVERYWHERE.get(self._settings.host, self._settings.host)
        self._url = f"ws://{host}:{port}/api/v1/device/ws"
        if self.refusal() is None:
            for folder in await asyncio.to_thread(self._kept):
                await self._run(UUID(folder.name))

    def _kept(self) -> list[Path]:
        return sorted(path.parent for path in self._folder.glob(f"*/{_CREDENTIALS}"))

    async def close(self) -> None:
        """End all processes; the next start of the server brings them back."""
        async with self._turn:
            await asyncio.gather(*(_end(process) for process in self._processes.values()))
            self._processes.clear()

    def refusal(self) -> str | None:
        """Return why none can be started now; None when one can."""
        if not self._settings.simulators:
            return (
                "The setting SCANHUB_SIMULATORS of this server is off. Start one by hand: "
                "scanhub simulate-device."
            )
        if self._url is None:
            return (
                "This server ends TLS by itself, or does not listen yet: start the simulated "
                "scanner by hand: scanhub simulate-device."
            )
        return None

    def running(self) -> list[UUID]:
        """Return the devices whose simulated scanner runs."""
        return [key for key, process in self._processes.items() if process.returncode is None]

    async def start(self, credentials: DeviceCredentials, name: str) -> None:
        """Start the scanner of a device, in the place of one that runs.

        Args:
            credentials: With what it logs in; kept in the data folder, for its owner only.
            name: What the scanner calls itself.

        Raises:
            ForbiddenError: None can be started here.
        """
        if refusal := self.refusal():
            raise ForbiddenError(refusal)
        await self._take_off(credentials.device_id)
        await asyncio.to_thread(self._keep, credentials, name)
        await self._run(credentials.device_id)

    def _keep(self, credentials: DeviceCredentials, name: str) -> None:
        folder = self._folder / str(credentials.device_id)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / "name").write_text(name, "utf-8")
        file = folder / _CREDENTIALS
        file.touch(mode=0o600)
        file.write_text(credentials.model_dump_json(), "utf-8")

    async def stop(self, device_id: UUID) -> None:
        """End the scanner of a device for good; harmless when none runs."""
        await self._take_off(device_id)
        await asyncio.to_thread(shutil.rmtree, self._folder / str(device_id), ignore_errors=True)

    async def _take_off(self, device_id: UUID) -> None:
        async with self._turn:
            process = self._processes.pop(device_id, None)
            if process is not None:
                await _end(process)

    async def _run(self, device_id: UUID) -> None:
        folder = self._folder / str(device_id)
        async with self._turn:
            log = await asyncio.to_thread((folder / "simulator.log").open, "wb")
            with log:
                self._processes[device_id] = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "scanhub_jobs.supervised", str(os.getpid())),
                    *("scanhub_device.simulator", "--url", str(self._url)),
                    *("--credentials", str(folder / _CREDENTIALS)),
                    *("--name", await asyncio.to_thread((folder / "name").read_text, "utf-8")),
                    # Its end ends the scanner: nobody but this process holds it open.
                    stdin=asyncio.subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )


async def _end(process: Process) -> None:
    """End a process as Ctrl-C would; kill it when it does not listen."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
